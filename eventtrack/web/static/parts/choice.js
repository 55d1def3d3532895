/** The choice of one name among metrics, params, tags and attributes, however many there are. */
import { html, useState } from "../lib/ui.js";
import { ATTRIBUTES, labelOf } from "../lib/fields.js";
import { Popup } from "./popup.js";

const SHOWN = 100;

/** @param {{label: string, value: string, none?: string, kinds?: string[], onChoose: (name: string) => void}} props */
export function Choice({ label, value, known, none, kinds = ["metrics", "params", "attributes"], onChoose }) {
  const [find, setFind] = useState("");
  const word = find.toLowerCase();
  const keysOf = (kind) => (kind === "attributes" ? Object.keys(ATTRIBUTES) : known?.[kind] || []);
  const groups = kinds.map((kind) => [
    kind,
    keysOf(kind)
      .map((key) => `${kind}.${key}`)
      .filter((name) => labelOf(name).toLowerCase().includes(word)),
  ]);
  return html`
    <${Popup} label=${html`<span class="quiet">
      ${label}</span> ${value ? labelOf(value) : none || "choose"}`} title=${label}>${(close) => html`
      <input type="search" placeholder="Find" aria-label="Find a name" value=${find}
        onInput=${(event) => setFind(event.target.value)} />
      <div class="choices">
        ${
          none &&
          html`<button class="plain" aria-pressed=${!value} onClick=${() => {
            close();
            onChoose("");
          }}>${none}</button>`
        }
        ${groups.map(
          ([kind, names]) =>
            names.length > 0 &&
            html`<fieldset key=${kind}><legend>${kind}</legend>
          ${names.slice(0, SHOWN).map(
            (name) =>
              html`<button key=${name} class="plain" aria-pressed=${name === value} onClick=${() => {
                close();
                onChoose(name);
              }}>${labelOf(name)}</button>`,
          )}
          ${
            names.length > SHOWN &&
            html`<p
            class="quiet">and ${names.length - SHOWN} more: write a part of the name above</p>`
          }
        </fieldset>`,
        )}
        ${groups.every(([, names]) => !names.length) && html`<p class="quiet">Nothing is called like “${find}”.</p>`}
      </div>`}
    <//>
  `;
}
