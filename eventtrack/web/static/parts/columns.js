/** Which columns a table has, in which order, and which of them stay in sight. */
import { html, useState } from "../lib/ui.js";
import { labelsOf, lined } from "../lib/fields.js";
import { setQuery } from "../lib/route.js";
import { Popup } from "./popup.js";

const SHOWN = 200;

export function Columns({ known, columns, pins }) {
  const [find, setFind] = useState("");
  const set = (list, pinned = pins) =>
    setQuery({ cols: lined(list), pins: pinned.filter((name) => list.includes(name)).join("\n") });
  const toggle = (name) =>
    set(columns.includes(name) ? columns.filter((column) => column !== name) : [...columns, name]);
  const pin = (name) => set(columns, pins.includes(name) ? pins.filter((column) => column !== name) : [...pins, name]);
  const move = (name, step) => {
    const next = columns.filter((column) => column !== name);
    next.splice(Math.max(0, columns.indexOf(name) + step), 0, name);
    set(next);
  };
  const label = labelsOf(columns);
  const word = find.toLowerCase();
  const groups = Object.entries(known || {}).map(([kind, keys]) => [
    kind,
    keys.filter((key) => key.toLowerCase().includes(word)),
  ]);
  return html`
    <${Popup} label="Columns" title="Columns of the table">
      <input type="search" placeholder="Find columns" aria-label="Find columns" value=${find}
        onInput=${(event) => setFind(event.target.value)} />
      ${
        !find &&
        columns.length > 0 &&
        html`<fieldset><legend>Shown, in this order</legend>
        <ol class="order">${columns.map(
          (name, at) => html`<li key=${name}>
          <span title=${name}>${label(name)}</span>
          <button class="plain" aria-pressed=${pins.includes(name)} aria-label=${`Pin ${name}`}
            title="Pin" onClick=${() => pin(name)}>⇤</button>
          <button class="plain" disabled=${at === 0} aria-label=${`Move ${name} up`}
            onClick=${() => move(name, -1)}>↑</button>
          <button class="plain" disabled=${at === columns.length - 1} aria-label=${`Move ${name} down`}
            onClick=${() => move(name, 1)}>↓</button>
          <button class="plain" aria-label=${`Leave out ${name}`} onClick=${() => toggle(name)}>×</button></li>`,
        )}</ol>
        <p><button onClick=${() => setQuery({ cols: "", pins: "" })}>Reset</button></p></fieldset>`
      }
      ${groups.map(
        ([kind, keys]) =>
          keys.length > 0 &&
          html`<fieldset key=${kind}><legend>${kind}</legend>
        ${keys.slice(0, SHOWN).map(
          (key) => html`<label key=${key}>
          <input type="checkbox" checked=${columns.includes(`${kind}.${key}`)}
          onChange=${() => toggle(`${kind}.${key}`)} />${key}</label>`,
        )}
        ${
          keys.length > SHOWN &&
          html`<p
          class="quiet">and ${keys.length - SHOWN} more: write a part of the name above</p>`
        }
      </fieldset>`,
      )}
      ${
        word &&
        groups.every(([, keys]) => !keys.length) &&
        html`<p
        class="quiet">Nothing is called like “${find}”.</p>`
      }
    <//>
  `;
}
