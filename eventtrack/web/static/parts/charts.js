/** The charts of some runs with their controls; all their state is in the address line. */
import { html, useLayoutEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { SPREADS } from "../lib/bands.js";
import { route, setQuery } from "../lib/route.js";
import { KINDS } from "../lib/smooth.js";
import { arranged, byRank, freshId, moved, readChanges, writeChanges } from "../lib/workspace.js";
import { FullChart, isZoomed, resetZoom } from "./chart.js";
import { METRIC } from "./plot.js";
import { Popup } from "./popup.js";
import { Empty } from "./states.js";
import { Wall } from "./wall.js";

const AXES = [
  ["step", "step"],
  ["time", "time"],
  ["relative", "time since start"],
];

/**
 * @param {object} props
 * @param {{run_id: string, run_name: string}[]} props.runs
 * @param {string[]} props.keys
 * @param {import("../lib/drawn.js").Group[] | null} props.groups draw these instead of single runs
 * @param {any} props.lead what stands before the controls
 */
export function Charts({ runs, keys, groups = null, lead = null }) {
  const { find = "", shut = "", charts = "", full = "" } = route.value.query;
  const [fresh, setFresh] = useState("");
  const changes = useMemo(() => readChanges(charts), [charts]);
  const { sections, hidden } = useMemo(() => arranged(keys, changes), [keys, changes]);
  const shown = useMemo(() => foundIn(sections, find), [sections, find]);
  if (!keys.length) {
    return html`<${Empty} title="No metrics yet.">
      <p>What is logged with log_metric is drawn here as it arrives.</p><//>`;
  }
  const write = (next) => setQuery({ charts: writeChanges({ ...changes, ...next }) }, { push: true });
  const set = (id, change) => write({ set: { ...changes.set, [id]: cleaned({ ...changes.set[id], ...change }) } });
  const acts = {
    opened: () => setFresh(""),
    change: (card, change) => set(card.id, change),
    remove: (card) => {
      const { [card.id]: _, ...others } = changes.set;
      if (card.own) write({ set: others });
      else set(card.id, { hidden: true });
    },
    put: (section, id, at) => write({ order: { ...changes.order, [section.name]: moved(section.cards, id, at) } }),
  };
  const add = () => {
    const id = freshId(changes);
    set(id, { keys: byRank(keys).slice(0, 1) });
    setFresh(id);
  };
  const large = sections.flatMap(({ cards }) => cards).find((card) => card.id === full);
  return html`
    <h2 class="unseen">Charts</h2>
    <${Controls} keys=${keys} groups=${groups} lead=${lead} sections=${sections} shut=${shut} hidden=${hidden}
      add=${add}
      unhide=${(card) => set(card.id, { hidden: undefined })} />
    ${
      shown.length
        ? html`<${Wall} runs=${runs} groups=${groups} keys=${keys} sections=${shown} acts=${acts} fresh=${fresh}
          shut=${new Set(shut.split("\n").filter(Boolean))} />`
        : html`<${Empty} title=${find ? `No metric is called like “${find}”.` : "All charts are hidden."} />`
    }
    ${large && html`<${FullScreen} card=${large} runs=${runs} groups=${groups} />`}
  `;
}

const cleaned = (change) =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined && value !== ""));

function foundIn(sections, find) {
  const word = find.toLowerCase();
  const has = (card) => [card.title, ...card.keys].some((text) => text.toLowerCase().includes(word));
  return sections
    .map(({ name, cards }) => ({ name, cards: word ? cards.filter(has) : cards }))
    .filter(({ cards }) => cards.length);
}

// Metrics that are offered as an axis: a list of thousands helps nobody, and the address takes any.
const OFFERED = 200;

function Controls({ keys, groups, lead, sections, shut, hidden, add, unhide }) {
  const { x = "step", smooth = "0", find = "" } = route.value.query;
  const names = sections.map((section) => section.name);
  const all = names.length > 1 && names.every((name) => shut.split("\n").includes(name));
  return html`
    <div class="bar chartbar" role="group" aria-label="How curves are drawn">
      ${lead}
      ${
        keys.length > 3 &&
        html`<input type="search" placeholder="Find metrics" aria-label="Find metrics" value=${find}
        onInput=${(event) => setQuery({ find: event.target.value })} />`
      }
      <label class="check">x <select aria-label="x axis" value=${x}
        onChange=${(event) => setQuery({ x: event.target.value, zoom: "" }, { push: true })}>
        ${AXES.map(([value, name]) => html`<option value=${value}>${name}</option>`)}
        <optgroup label="another metric, by step">${offered(keys, x).map(
          (key) => html`<option value=${METRIC + key}>${key}</option>`,
        )}</optgroup></select></label>
      <label class="check" title="Smoothing"><span class="unseen">smooth</span> ∿ <input type="range" min="0" max="0.99"
        step="0.01" value=${smooth}
        onInput=${(event) => setQuery({ smooth: event.target.value === "0" ? "" : event.target.value })} />
        <output>${Number(smooth).toFixed(2)}</output></label>
      <${Popup} label="Scales" title="Scales, smoothing and bands"><${Scales} groups=${groups} /><//>
      <${Popup} label="Charts" title="Add, collapse and show charts">${(close) => html`<div class="choices">
        <button class="plain" onClick=${() => {
          close();
          add();
        }}>Add a chart</button>
        ${
          names.length > 1 &&
          html`<button class="plain" onClick=${() => {
            close();
            setQuery({ shut: all ? "" : names.join("\n") });
          }}>${all ? "Open all sections" : "Collapse all sections"}</button>`
        }
        ${hidden.map(
          (card) => html`<button class="plain" key=${card.id}
          onClick=${() => unhide(card)}>Show ${card.title}</button>`,
        )}
        ${
          route.value.query.charts &&
          html`<button class="plain" onClick=${() => {
            close();
            setQuery({ charts: "" }, { push: true });
          }}>Reset all charts</button>`
        }
      </div>`}<//>
      ${isZoomed() && html`<button onClick=${resetZoom}>Reset zoom</button>`}
    </div>
  `;
}

function Scales({ groups }) {
  const { log = "", logx = "", kind = "", tight = "", spread = "" } = route.value.query;
  const turn = (name, value) => () => setQuery({ [name]: value ? "" : "1" }, { push: true });
  return html`
    <label><input type="checkbox" checked=${log === "1"} onChange=${turn("log", log)} /> log y</label>
    <label><input type="checkbox" checked=${logx === "1"} onChange=${turn("logx", logx)} /> log x</label>
    <label title="Fit the axis to most points: single ones may lie outside"><input type="checkbox"
      checked=${tight === "1"}
      onChange=${turn("tight", tight)} /> ignore outliers</label>
    <div class="fields"><label>Smoothing <select aria-label="Kind of smoothing" value=${kind}
      onChange=${(event) => setQuery({ kind: event.target.value }, { push: true })}>
      ${KINDS.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select></label>
    ${
      groups &&
      html`<label>Band of a group <select value=${spread}
      onChange=${(event) => setQuery({ spread: event.target.value }, { push: true })}>
      ${SPREADS.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select></label>`
    }</div>
    <p class="quiet">Drag over a chart to zoom in x, y or both. Drag with Shift to pan. Ctrl and the wheel zoom too.
      Double click: all of it.</p>`;
}

/** The metrics that may be an axis, with the one that is. */
function offered(keys, x) {
  const chosen = x.startsWith(METRIC) ? [x.slice(METRIC.length)] : [];
  return [...new Set([...keys.slice(0, OFFERED), ...chosen])];
}

// What surrounds the chart in the window, in CSS pixels.
const AROUND = 150;

function FullScreen({ card, runs, groups }) {
  const dialog = useRef();
  useLayoutEffect(() => dialog.current.showModal(), []);
  const close = () => setQuery({ full: "" }, { push: true });
  return html`<dialog class="full" ref=${dialog} aria-label=${card.title} onClose=${close}>
    <button class="close" onClick=${() => dialog.current.close()}>Close</button>
    <h2>${card.title}</h2>
    <${FullChart} card=${card} runs=${runs} groups=${groups} height=${innerHeight - AROUND} />
  </dialog>`;
}
