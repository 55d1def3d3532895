/** A table that was logged: sorted by a column, filtered by words, shown by the page. */
import { html, useMemo, useState } from "../lib/ui.js";
import { number } from "../lib/format.js";
import { sorted } from "../lib/table.js";

const PAGE = 25;
const COLUMNS = 50;
const TEXT = 200;

/** @param {{table: {columns: string[], rows: any[][], total: number}, label: string}} props */
export function Sheet({ table, label }) {
  const [find, setFind] = useState("");
  const [order, setOrder] = useState(null);
  const [page, setPage] = useState(0);
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = useMemo(() => {
    const fits = (row) => {
      const text = row.map(written).join("\n").toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const rows = words.length ? table.rows.filter(fits) : table.rows;
    return order ? sorted(rows, order.column, order.descending) : rows;
  }, [table, find, order]);
  const last = Math.max(Math.ceil(matching.length / PAGE) - 1, 0);
  const at = Math.min(page, last);
  const head = (name, column) => {
    const mine = order?.column === column;
    const turned = () => setOrder(mine && order.descending ? null : { column, descending: mine });
    return html`<th key=${column} aria-sort=${mine ? (order.descending ? "descending" : "ascending") : "none"}>
      <button class="plain" onClick=${turned}><bdi>${name}</bdi>${mine ? (order.descending ? " ↓" : " ↑") : ""}
      </button>
      </th>`;
  };
  return html`<div class="sheet">
    <div class="bar"><input type="search" placeholder="Filter rows" value=${find}
      aria-label=${`Filter rows of ${label}`}
      onInput=${(event) => {
        setFind(event.target.value);
        setPage(0);
      }} /><span class="quiet" role="status">${number(matching.length)} of ${number(table.total)} rows${
        table.total > table.rows.length ? `, among the first ${number(table.rows.length)}` : ""
      }</span>
      ${
        last > 0 &&
        html`<button disabled=${at === 0} onClick=${() => setPage(at - 1)}>Before</button>
        <span class="quiet">page ${number(at + 1)} of ${number(last + 1)}</span>
        <button disabled=${at === last} onClick=${() => setPage(at + 1)}>Next</button>`
      }</div>
    <div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="list">
      <thead><tr>${table.columns.slice(0, COLUMNS).map(head)}</tr></thead>
      <tbody>${matching.slice(at * PAGE, (at + 1) * PAGE).map(
        (row, place) =>
          html`<tr key=${place}>${table.columns.slice(0, COLUMNS).map((_, column) => {
            const value = row[column];
            return html`<td class=${typeof value === "number" ? "num" : "value"}
            title=${typeof value === "number" ? value : undefined}>${shown(value)}</td>`;
          })}</tr>`,
      )}</tbody></table></div>
    ${table.columns.length > COLUMNS && html`<p class="quiet">The first ${COLUMNS} columns.</p>`}</div>`;
}

const written = (value) =>
  value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

function shown(value) {
  if (typeof value === "number") return number(value);
  const text = written(value);
  return text.length > TEXT ? `${text.slice(0, TEXT)} …` : text;
}
