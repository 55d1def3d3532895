/** The choice of further experiments whose runs stand in the same table and the same charts. */
import { html, useState } from "../lib/ui.js";
import { number } from "../lib/format.js";
import { setQuery } from "../lib/route.js";
import { Popup } from "./popup.js";

const SHOWN = 100;

/** The ids in the address of those that there are, without the page's own. */
export const alsoOf = (text, own, experiments) =>
  (text || "")
    .split(",")
    .filter(
      (id, at, all) => id !== own && all.indexOf(id) === at && experiments.some((each) => each.experiment_id === id),
    );

/** @param {{own: string, also: string[], experiments: {experiment_id: string, name: string, runs: number}[]}} props */
export function Also({ own, also, experiments }) {
  const [find, setFind] = useState("");
  const word = find.toLowerCase();
  const others = experiments.filter(
    (each) => each.experiment_id !== own && each.lifecycle_stage === "active" && each.name.toLowerCase().includes(word),
  );
  const turn = (id) => (event) =>
    setQuery(
      { also: (event.target.checked ? [...also, id] : also.filter((other) => other !== id)).join(","), sel: "" },
      { push: true },
    );
  if (!others.length && !word) return null;
  const label = also.length ? `and ${number(also.length)} more` : "Add experiments";
  return html`<${Popup} label=${label} title="Further experiments">
    <input type="search" placeholder="Find" aria-label="Find experiments" value=${find}
      onInput=${(event) => setFind(event.target.value)} />
    ${others.slice(0, SHOWN).map(
      ({ experiment_id: id, name, runs }) => html`<label key=${id}><input type="checkbox" checked=${also.includes(id)}
      onChange=${turn(id)} /> <bdi>${name}</bdi> <span class="quiet">${number(runs)}</span></label>`,
    )}
    ${others.length > SHOWN && html`<p class="quiet">and ${number(others.length - SHOWN)} more</p>`}<//>`;
}
