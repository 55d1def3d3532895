/** A list that may have thousands of entries: the first of them, a search, and more when asked for. */
import { html, useState } from "../lib/ui.js";
import { number } from "../lib/format.js";

const FIRST = 100;
const MORE = 5;

/**
 * @param {{rows: any[], textOf: (row: any) => string, what: string, from?: number,
 *   children: (rows: any[]) => any}} props
 *   `what` is in the plural; more rows than `from` get a field to search them by
 */
export function Many({ rows, textOf, what, from = FIRST, children }) {
  const [find, setFind] = useState("");
  const [shown, setShown] = useState(FIRST);
  const word = find.toLowerCase();
  const matching = word ? rows.filter((row) => textOf(row).toLowerCase().includes(word)) : rows;
  return html`
    ${
      rows.length > from &&
      html`<p class="bar"><input type="search" placeholder=${`Find ${what}`} aria-label=${`Find ${what} of the run`}
        value=${find}
      onInput=${(event) => setFind(event.target.value)} /> <span class="quiet">
        ${number(matching.length)} ${what}</span></p>`
    }
    ${children(matching.slice(0, shown))}
    ${
      matching.length > shown &&
      html`<p>
      <button onClick=${() => setShown(shown * MORE)}>Show more ${what}</button></p>`
    }
  `;
}
