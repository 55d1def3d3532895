/** A value of JSON as a person reads it: texts as texts, lists and objects as a tree that opens and closes. */
import { html, useState } from "../lib/ui.js";

// What is open at first, and how much of a long list is drawn before somebody asks for more.
const OPEN_DEPTH = 2;
const SHOWN = 100;
const TEXT_SHOWN = 2000;

/** @param {{value: unknown, name?: string}} props any value of JSON */
export function Value({ value, name }) {
  if (typeof value === "string") return html`<${Text} text=${value} />`;
  return html`<div class="json" tabindex="0" role="region" aria-label=${name || "Value"}>
    <${Node} value=${value} depth=${0} /></div>`;
}

function Text({ text }) {
  const [whole, setWhole] = useState(false);
  const cut = text.length > TEXT_SHOWN && !whole;
  return html`<pre class="text" tabindex="0">${cut ? `${text.slice(0, TEXT_SHOWN)} …` : text}</pre>
    ${cut && html`<button onClick=${() => setWhole(true)}>All ${text.length} letters</button>`}`;
}

function Node({ name, value, depth }) {
  const label = name === undefined ? "" : html`<span class="key">${name}</span>: `;
  if (value === null || typeof value !== "object") return html`<div>${label}<${Leaf} value=${value} /></div>`;
  const entries = Array.isArray(value) ? value.map((part, at) => [at, part]) : Object.entries(value);
  const [left, right] = Array.isArray(value) ? "[]" : "{}";
  if (!entries.length) return html`<div>${label}${left}${right}</div>`;
  return html`<${Branch} label=${label} entries=${entries} left=${left} right=${right} depth=${depth} />`;
}

function Branch({ label, entries, left, right, depth }) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(SHOWN);
  return html`<details open=${open} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${label}${left}<small class="quiet"> ${entries.length} ${right}</small></summary>
    ${
      open &&
      html`<div class="inner">${entries
        .slice(0, shown)
        .map(([key, part]) => html`<${Node} key=${key} name=${key} value=${part} depth=${depth + 1} />`)}
      ${
        entries.length > shown &&
        html`<button onClick=${() => setShown(shown + 10 * SHOWN)}>${entries.length - shown} more</button>`
      }</div>`
    }</details>`;
}

const Leaf = ({ value }) =>
  typeof value === "string"
    ? html`<span class="string">${JSON.stringify(value)}</span>`
    : html`<span class="literal">${String(value)}</span>`;
