/** The run table: a hundred thousand rows, of which only those in sight exist. */
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { betterWhen } from "../lib/better.js";
import { EXPERIMENT, labelOf, labelsOf, linesOf, shownValue, valueOf, written } from "../lib/fields.js";
import { forkedOf } from "../lib/forked.js";
import { ago, count, duration, moment, number } from "../lib/format.js";
import { link } from "../lib/route.js";
import { effect } from "@preact/signals";
import { pointedRun } from "../lib/pointer.js";
import { useScrolled } from "../lib/scrolled.js";
import { Status } from "./states.js";
import { Swatch } from "./tip.js";

const HEIGHT = 32;
const SPARE = 8;
// Widths of the stylesheet: where a pinned column stops when the table is scrolled sideways.
const PICK_WIDTH = 34;
const TITLE_WIDTH = 190;
const CELL_WIDTH = 120;

/** The fixed columns: what they order by in the filter language, and what they show; the first before the chosen. */
const FIRST = [
  {
    name: "Status",
    order: "attributes.status",
    style: "is-status",
    cell: (row) => html`<${Status} status=${row.status} life=${row.life} />`,
  },
];
const LAST = [
  {
    name: "Started",
    order: "attributes.start_time",
    style: "when",
    cell: (row) => html`<span title=${moment(row.start_time)}>${ago(row.start_time)}</span>`,
  },
  // A filter knows no durations, so there is no order by them.
  { name: "Duration", style: "when num", cell: (row) => (row.end_time ? duration(row.end_time - row.start_time) : "") },
];

/**
 * @param {object} props
 * @param {number} props.total rows, headers of groups among them
 * @param {(at: number) => object} props.rowAt a run, the header of a group, or undefined: not here yet
 * @param {string[]} props.columns
 * @param {string[]} props.pins those that stay in sight
 * @param {string} props.order a line for each: `metrics.loss DESC`
 * @param {Map<string, import("../lib/colour.js").Stroke>} props.drawn how the curves are drawn that are, by run
 * @param {boolean} props.part whether groups are of some of the runs only
 * @param {(at: number, how: {range?: boolean}) => void} props.onPick
 */
export function Grid({
  total,
  rowAt,
  see,
  columns,
  pins,
  order,
  onOrder,
  picked,
  onPick,
  onPickAll,
  allPicked,
  drawn,
  part,
  folded,
  onFold,
  figure,
}) {
  const box = useRef();
  const [top, setTop] = useState(0);
  const scrolled = useScrolled(box, "runs");
  const [height, setHeight] = useState(600);
  useEffect(() => {
    const sized = new ResizeObserver(() => box.current && setHeight(box.current.clientHeight));
    sized.observe(box.current);
    return () => sized.disconnect();
  }, []);
  // What is behind the end of a table that became shorter is no place to look.
  const begin = Math.min(top, Math.max(total * HEIGHT - height, 0));
  const first = Math.max(Math.floor(begin / HEIGHT) - SPARE, 0);
  const stop = Math.min(Math.ceil((begin + height) / HEIGHT) + SPARE, total);
  useEffect(() => see(first, stop), [first, stop, see]);
  usePointed(box);
  const shown = Array.from({ length: Math.max(stop - first, 0) }, (_, at) => first + at);
  const pinned = columns.filter((name) => pins.includes(name));
  const label = labelsOf(columns);
  const arranged = [...pinned, ...columns.filter((name) => !pins.includes(name))].map((name) => ({
    name,
    label: label(name),
    style: `${name.startsWith("metrics.") ? "num" : ""} ${pins.includes(name) ? "pinned" : ""}`,
    left: pins.includes(name)
      ? { left: `${PICK_WIDTH + TITLE_WIDTH + pinned.indexOf(name) * CELL_WIDTH}px` }
      : undefined,
  }));
  const head = (column) => html`<${Head} key=${column.name} name=${column.name} by=${column.order} style=${column.style}
    order=${order} onOrder=${onOrder} />`;
  const keys = (event) => {
    const at = Number(event.target.closest?.("[data-at]")?.dataset.at);
    if (Number.isNaN(at) || event.target.closest("input")?.type === "text") return;
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, J: 1, K: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (event.shiftKey && !picked.has(rowAt(at)?.run_id)) onPick(at, {});
      if (event.shiftKey && at + step >= 0 && at + step < total) onPick(at + step, { range: true });
      box.current.querySelector(`[data-at="${at + step}"] .goal`)?.focus();
    } else if (event.key === "x" || event.key === "X") {
      event.preventDefault();
      onPick(at, { range: event.shiftKey });
    }
  };
  return html`
    <div class="grid" ref=${box} onKeyDown=${keys} onScroll=${({ target }) => {
      setTop(target.scrollTop);
      scrolled(target.scrollTop);
    }}
      onMouseOver=${point} onMouseLeave=${() => point(null)}
      role="table" aria-rowcount=${total + 1} aria-label="Runs" tabindex="0">
      <div class="row head" role="row" aria-rowindex="1">
        <div class="cell pick" role="columnheader">
          <input type="checkbox" aria-label="Select all runs" checked=${allPicked} onChange=${onPickAll} /></div>
        <${Head} name="Name" by="attributes.run_name" style="title" order=${order} onOrder=${onOrder} />
        ${FIRST.map(head)}
        ${arranged.map(
          ({ name, label, style, left }) => html`<${Head} key=${name} name=${label} title=${name}
          by=${name === EXPERIMENT ? undefined : written(name)}
          style=${style} left=${left} order=${order} onOrder=${onOrder} />`,
        )}
        ${LAST.map(head)}
      </div>
      <div class="filler" role="rowgroup" style=${{ height: `${total * HEIGHT}px` }}>
        ${shown.map((at) => {
          const row = rowAt(at);
          if (!row)
            return html`<div key=${at} class="row" role="row" style=${placeOf(at)} aria-rowindex=${at + 2}>
              <div class="cell quiet" role="cell">…</div></div>`;
          const props = { at, row, columns: arranged, onPick, folded, onFold };
          if (row.group)
            return html`<${Group} key=${row.run_id} ...${props}
              picked=${picked.all || (!row.counted && row.rows.every((run) => picked.has(run.run_id)))} figure=${figure}
              stroke=${drawn.get(row.run_id)} part=${part} />`;
          return html`<${Row} key=${row.run_id} ...${props} picked=${picked.has(row.run_id)}
            stroke=${drawn.get(row.run_id)} />`;
        })}
      </div>
    </div>
  `;
}

/** Rows and curves point at each other: many times a second, so past all drawing of rows. */
function usePointed(box) {
  useEffect(() => {
    const mark = () => {
      const runId = pointedRun.value;
      for (const row of box.current?.querySelectorAll("[data-pointed]") || []) delete row.dataset.pointed;
      if (runId === null) return;
      const row = box.current?.querySelector(`[data-run="${CSS.escape(runId)}"]`);
      if (row) row.dataset.pointed = "";
    };
    const unmark = effect(mark);
    return () => {
      unmark();
      pointedRun.value = null; // a table that is left points at nothing
    };
  }, []);
}

/** @param {Event} event over the table, or `null` when it has left */
const point = (event) => (pointedRun.value = event?.target.closest("[data-run]")?.dataset.run ?? null);

const placeOf = (at) => ({ top: `${at * HEIGHT}px` });

/** The best first: the smallest of losses and errors, else the greatest, the newest. */
const goesUp = (by) => by.startsWith("metrics.") && betterWhen(labelOf(by)) === "less";

/** Another direction with each click; with the shift key, an order within the order. */
function Head({ name, title, by, style, left, order, onOrder }) {
  const terms = linesOf(order);
  const rank = by ? terms.findIndex((term) => term.replace(/ (ASC|DESC)$/, "") === by) : -1;
  const down = rank >= 0 && terms[rank].endsWith(" DESC");
  const turn = (event) => {
    const first = goesUp(by);
    const next =
      rank < 0 ? [`${by} ${first ? "ASC" : "DESC"}`] : down === first ? [] : [`${by} ${down ? "ASC" : "DESC"}`];
    onOrder(
      event.shiftKey
        ? [...terms.slice(0, rank < 0 ? undefined : rank), ...next, ...(rank < 0 ? [] : terms.slice(rank + 1))].join(
            "\n",
          )
        : next.join("\n"),
    );
  };
  const mark = rank < 0 ? "" : `${down ? " ↓" : " ↑"}${terms.length > 1 ? rank + 1 : ""}`;
  return html`
    <div class=${`cell ${style}`} style=${left} role="columnheader" title=${title || name} aria-sort=${
      rank < 0 ? "none" : down ? "descending" : "ascending"
    }>
      ${by ? html`<button onClick=${turn}>${name}${mark}</button>` : name}
    </div>
  `;
}

function Row({ at, row, columns, picked, stroke, onPick, folded, onFold }) {
  const cell = (column) => html`<div class=${`cell ${column.style}`} role="cell" key=${column.name}>
    ${column.cell(row)}</div>`;
  return html`
    <div class="row" role="row" style=${placeOf(at)} data-at=${at} aria-rowindex=${at + 2} data-selected=${picked}
      data-run=${row.run_id}>
      <div class="cell pick" role="cell">
        <input type="checkbox" checked=${picked} aria-label=${`Select ${row.run_name}`}
        onClick=${(event) => onPick(at, { range: event.shiftKey })} /></div>
      <div class="cell title" role="cell" title=${row.run_name}>
        ${
          row.depth
            ? html`<span style=${{ paddingLeft: `${(row.depth - 1) * 16}px` }} class="twig"
          aria-hidden="true">└</span>`
            : ""
        }
        ${row.forked ? html`<${ForkMark} of=${forkedOf(row.forked)} />` : ""}
        ${
          row.children
            ? html`<${Twist} id=${row.run_id} label=${`Runs nested in ${row.run_name}`} folded=${folded}
          onFold=${onFold} />`
            : ""
        }
        ${stroke ? html`<span class="stroke"><${Swatch} ...${stroke} /></span>` : ""}
        <a class="goal" href=${link(["runs", row.run_id])}>${row.run_name || row.run_id.slice(0, 8)}</a>
      </div>
      ${FIRST.map(cell)}
      ${columns.map(
        ({ name, style, left }) => html`<div key=${name} role="cell" class=${`cell ${style}`} style=${left}
        title=${valueOf(row, name) ?? ""}>${shownValue(name, valueOf(row, name))}</div>`,
      )}
      ${LAST.map(cell)}
    </div>
  `;
}

/** The header of a group: how many runs, and the mean, the minimum or the maximum of each column. */
function Group({ at, row, columns, picked, onPick, folded, onFold, figure, stroke, part }) {
  const label = row.value === undefined ? "not set" : String(row.value);
  return html`
    <div class="row group" role="row" style=${placeOf(at)} data-at=${at} aria-rowindex=${at + 2} data-run=${row.run_id}>
      <div class="cell pick" role="cell">
        <input type="checkbox" checked=${picked} aria-label=${`Select the group ${label}`} disabled=${row.counted}
          title=${row.counted ? "Runs of so large a group are selected by a filter" : ""}
        onClick=${() => onPick(at, {})} /></div>
      <div class="cell title" role="rowheader" title=${label}>
        <${Twist} id=${row.run_id} label=${`Runs of the group ${label}`} folded=${folded} onFold=${onFold} goal />
        ${stroke && html`<span class="stroke"><${Swatch} ...${stroke} /></span>`}
        <strong class=${row.value === undefined ? "quiet" : ""}>${label}</strong>
      </div>
      <div class="cell is-status" role="cell">
        ${part && !row.counted ? "≥ " : ""}<${RunCount} many=${row.runs ?? row.rows.length} /></div>
      ${columns.map(({ name, style, left }) => {
        const figures = row.figures[name];
        const all = figures && allFigures(figures);
        return html`<div key=${name} role="cell" class=${`cell ${style}`} style=${left} title=${all || ""}>
          ${figures ? figureText(figures, figure) : ""}</div>`;
      })}
      <div class="cell when" role="cell"></div><div class="cell when num" role="cell"></div>
    </div>
  `;
}

/** Without the word where the cell is too narrow for it. */
const RunCount = ({ many }) =>
  html`<span title=${count(many, "run")}>${number(many)}${
    many < 10_000 && html` <span class="quiet">run${many === 1 ? "" : "s"}</span>`
  }</span>`;

const allFigures = ({ mean, std, min, max, many, others }) =>
  `mean ${number(mean)}, std ${number(std)}, min ${number(min)}, max ${number(max)} of ${number(many)}${
    others ? `; ${number(others)} not finite` : ""
  }`;

/** The mean with the deviation of its runs, in as many digits as a cell has room for; or another figure. */
function figureText(figures, figure) {
  // What is left of sums of equal numbers is no deviation.
  const differ = figures.std > Math.abs(figures.mean) * 1e-12;
  if (figure !== "mean" || figures.many < 2 || !differ) return number(figures[figure]);
  const short = (value, digits) => number(Number(value.toPrecision(digits)));
  return html`${short(figures.mean, 4)} <small class="quiet">± ${short(figures.std, 2)}</small>`;
}

/** Two lines out of one: this run begins with the points of another. */
function ForkMark({ of: { parent, step } }) {
  const words = `Forked from ${parent.slice(0, 8)}${step === undefined ? "" : ` at step ${number(step)}`}`;
  return html`<svg class="fork" width="10" height="12" viewBox="0 0 10 12" role="img" aria-label=${words}>
    <title>${words}</title><path d="M2 12V1M2 8C2 5 8 6 8 1" fill="none" stroke="currentColor" stroke-width="1.5" />
  </svg>`;
}

const Twist = ({ id, label, folded, onFold, goal }) => html`
  <button class=${`plain twist ${goal ? "goal" : ""}`} aria-expanded=${!folded.has(id)} aria-label=${label}
    onClick=${() => onFold(id)}>${folded.has(id) ? "▸" : "▾"}</button>
`;
