/** The run table: a hundred thousand rows, of which only those in sight exist. */
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { strokeOf } from "../lib/colour.js";
import { ago, duration, moment, number } from "../lib/format.js";
import { link } from "../lib/route.js";
import { theme } from "../lib/theme.js";
import { Status } from "./states.js";

const HEIGHT = 32;
const SPARE = 8;

/** The fixed columns: what they order by in the filter language, and what they show. */
const FIXED = [
  { name: "Status", order: "attributes.status", style: "is-status", cell: (row) => html`<${Status} status=${row.status} />` },
  { name: "Started", order: "attributes.start_time", style: "when", cell: (row) => html`<span title=${moment(row.start_time)}>${ago(row.start_time)}</span>` },
  { name: "Took", order: "attributes.end_time", style: "when num", cell: (row) => (row.end_time ? duration(row.end_time - row.start_time) : "") },
];

export const orderName = (column) => {
  const [kind, ...key] = column.split(".");
  return `${kind}.\`${key.join(".")}\``;
};

export function Grid({ total, rowAt, see, columns, order, onOrder, picked, onPick, drawn, folded, onFold }) {
  const box = useRef();
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useEffect(() => {
    const sized = new ResizeObserver(() => box.current && setHeight(box.current.clientHeight));
    sized.observe(box.current);
    return () => sized.disconnect();
  }, []);
  const first = Math.max(Math.floor(top / HEIGHT) - SPARE, 0);
  const stop = Math.min(Math.ceil((top + height) / HEIGHT) + SPARE, total);
  useEffect(() => see(first, stop), [first, stop, see]);
  theme.value; // colours change with it
  const shown = Array.from({ length: Math.max(stop - first, 0) }, (_, at) => first + at);
  const keys = (event) => {
    const at = Number(event.target.closest?.("[data-at]")?.dataset.at);
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (!step || Number.isNaN(at)) return;
    event.preventDefault();
    box.current.querySelector(`[data-at="${at + step}"] a`)?.focus();
  };
  return html`
    <div class="grid" ref=${box} onScroll=${(event) => setTop(event.target.scrollTop)} onKeyDown=${keys}
      role="table" aria-rowcount=${total + 1} aria-label="Runs" tabindex="0">
      <div class="row head" role="row" aria-rowindex="1">
        <div class="cell pick" role="columnheader"><span class="unseen">Selected</span></div>
        <${Head} name="Name" by="attributes.run_name" style="title" order=${order} onOrder=${onOrder} />
        ${FIXED.map((one) => html`<${Head} key=${one.name} name=${one.name} by=${one.order} style=${one.style} order=${order} onOrder=${onOrder} />`)}
        ${columns.map((one) => html`<${Head} key=${one} name=${one.replace(/^\w+\./, "")} title=${one} by=${orderName(one)} style=${one.startsWith("metrics.") ? "num" : ""} order=${order} onOrder=${onOrder} />`)}
      </div>
      <div class="filler" role="rowgroup" style=${{ height: `${total * HEIGHT}px` }}>
        ${shown.map((at) => {
          const row = rowAt(at);
          return html`<${Row} key=${row ? row.run_id : at} at=${at} row=${row} columns=${columns} picked=${row && picked.has(row.run_id)}
            drawn=${row && drawn.has(row.run_id)} onPick=${onPick} folded=${folded} onFold=${onFold} />`;
        })}
      </div>
    </div>
  `;
}

function Head({ name, title, by, style, order, onOrder }) {
  const is = order.replace(/ (ASC|DESC)$/, "") === by;
  const down = is && order.endsWith(" DESC");
  const next = !is ? `${by} DESC` : down ? `${by} ASC` : "";
  return html`
    <div class=${`cell ${style}`} role="columnheader" title=${title || name} aria-sort=${is ? (down ? "descending" : "ascending") : "none"}>
      <button onClick=${() => onOrder(next)}>${name}${is ? (down ? " ↓" : " ↑") : ""}</button>
    </div>
  `;
}

function Row({ at, row, columns, picked, drawn, onPick, folded, onFold }) {
  const place = { top: `${at * HEIGHT}px` };
  if (!row) return html`<div class="row" role="row" style=${place} aria-rowindex=${at + 2}><div class="cell quiet" role="cell">…</div></div>`;
  return html`
    <div class="row" role="row" style=${place} data-at=${at} aria-rowindex=${at + 2} data-selected=${picked}>
      <div class="cell pick" role="cell"><input type="checkbox" checked=${picked} aria-label=${`Select ${row.run_name}`} onChange=${() => onPick(row)} /></div>
      <div class="cell title" role="cell" title=${row.run_name}>
        ${row.depth ? html`<span style=${{ paddingLeft: `${(row.depth - 1) * 16}px` }} class="twig" aria-hidden="true">└</span>` : ""}
        ${row.children ? html`<button class="plain" aria-expanded=${!folded.has(row.run_id)} aria-label=${`Runs nested in ${row.run_name}`} onClick=${() => onFold(row.run_id)}>${folded.has(row.run_id) ? "▸" : "▾"}</button>` : ""}
        ${drawn ? html`<span class="swatch" style=${{ color: strokeOf(row.run_id).colour, marginRight: "6px" }} aria-hidden="true"></span>` : ""}
        <a href=${link(["runs", row.run_id])}>${row.run_name || row.run_id.slice(0, 8)}</a>
      </div>
      ${FIXED.map((one) => html`<div class=${`cell ${one.style}`} role="cell" key=${one.name}>${one.cell(row)}</div>`)}
      ${columns.map((one) => html`<div key=${one} role="cell" class=${`cell ${one.startsWith("metrics.") ? "num" : ""}`} title=${row.cells[one] ?? ""}>${number(row.cells[one])}</div>`)}
    </div>
  `;
}
