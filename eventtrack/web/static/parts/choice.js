/** The choice of one name among metrics, params, tags and attributes, however many there are. */
import { html, useState } from "../lib/ui.js";
import { ATTRIBUTES, labelOf } from "../lib/fields.js";
import { Popup } from "./popup.js";

const SHOWN = 100;

/** @param {{label: string, value: string, none?: string, kinds?: string[], onChoose: (name: string) => void}} props */
export function Choice({ label, value, known, none, kinds = ["metrics", "params", "attributes"], onChoose }) {
  return html`
    <${Popup} label=${html`<span class="quiet">
      ${label}</span> ${value ? labelOf(value) : none || "choose"}`} title=${label}>${(close) => html`
      <${Names} label=${label} value=${value} known=${known} none=${none} kinds=${kinds} onChoose=${(name) => {
        close();
        onChoose(name);
      }} />`}
    <//>
  `;
}

/** A field to find a name by, and the names: arrows go through them, Enter takes the marked or the first. */
function Names({ label, value, known, none, kinds, onChoose }) {
  const [find, setFind] = useState("");
  const [marked, setMarked] = useState(-1);
  const word = find.toLowerCase();
  const keysOf = (kind) => (kind === "attributes" ? Object.keys(ATTRIBUTES) : known?.[kind] || []);
  const groups = kinds.map((kind) => [
    kind,
    keysOf(kind)
      .map((key) => `${kind}.${key}`)
      .filter((name) => labelOf(name).toLowerCase().includes(word)),
  ]);
  const offered = [...(none && !word ? [""] : []), ...groups.flatMap(([, names]) => names.slice(0, SHOWN))];
  const id = (at) => `name-${label.replace(/\W/g, "-")}-${at}`;
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && offered.length) {
      const next = marked < 0 && step < 0 ? offered.length - 1 : (marked + step + offered.length) % offered.length;
      setMarked(next);
      document.getElementById(id(next))?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && offered.length && (marked >= 0 || word)) onChoose(offered[Math.max(marked, 0)]);
    else return;
    event.preventDefault();
  };
  const option = (name, text) => {
    const at = offered.indexOf(name);
    return html`<button key=${name} id=${id(at)} type="button" class="plain" role="option" tabindex="-1"
      aria-selected=${name === (value || "")} data-marked=${at === marked} onClick=${() => onChoose(name)}>
      ${text}</button>`;
  };
  return html`
    <input type="search" placeholder="Find" aria-label="Find a name" value=${find} role="combobox"
      aria-expanded="true" aria-controls=${id("all")} aria-autocomplete="list"
      aria-activedescendant=${marked >= 0 ? id(marked) : undefined} onKeyDown=${keys}
      onInput=${(event) => {
        setFind(event.target.value);
        setMarked(-1);
      }} />
    <div class="choices" id=${id("all")} role="listbox" aria-label=${label}>
      ${none && !word && option("", none)}
      ${groups.map(
        ([kind, names]) =>
          names.length > 0 &&
          html`<div key=${kind} role="group" aria-label=${kind}><div class="kind" aria-hidden="true">${kind}</div>
        ${names.slice(0, SHOWN).map((name) => option(name, labelOf(name)))}</div>`,
      )}
    </div>
    ${groups.map(
      ([kind, names]) =>
        names.length > SHOWN &&
        html`<p key=${kind} class="quiet">and ${names.length - SHOWN} more ${kind}: type a part of the name</p>`,
    )}
    ${!offered.length && html`<p class="quiet">Nothing is called like “${find}”.</p>`}
  `;
}
