/** What surrounds parallel coordinates and the scatter plot: the choice of axes and colours, legends, downloads. */
import { html, useMemo, useRef } from "../lib/ui.js";
import { axisOf } from "../lib/axes.js";
import { readAxis, readBrushes, within, writeAxis, writeBrushes } from "../lib/brush.js";
import { savePng } from "../lib/download.js";
import { labelOf, linesOf, numeric, shownValue, valueOf } from "../lib/fields.js";
import { count, number } from "../lib/format.js";
import { route, setQuery } from "../lib/route.js";
import { legendOf, ramp } from "../lib/shades.js";
import { theme } from "../lib/theme.js";
import { paramsByRank } from "../lib/usual.js";
import { byRank } from "../lib/workspace.js";
import { Choice } from "./choice.js";
import { Parallel } from "./parallel.js";
import { Popup } from "./popup.js";
import { Scatter } from "./scatter.js";
import { Empty } from "./states.js";
import { Typed } from "./typed.js";

// Axes while none are chosen: params that differ, then metrics.
const USUAL = { params: 6, metrics: 2, candidates: 12 };

/** What the views need of the address and of the columns that there are. */
export function explored(known) {
  const { axes, sx, sy, colour = "" } = route.value.query;
  const keys = (known?.metrics || []).filter((key) => !key.startsWith("system/"));
  const metrics = byRank(keys).map((key) => `metrics.${key}`);
  const params = paramsByRank(known?.params || []).map((key) => `params.${key}`);
  const candidates = [...params.slice(0, USUAL.candidates), ...metrics.slice(0, USUAL.metrics)];
  return {
    chosen: axes === undefined ? null : linesOf(axes).map(readAxis).filter(Boolean),
    candidates,
    // Without a choice the first param that differs, which only the rows tell.
    x: readAxis(sx || ""),
    y: readAxis(sy || "") || { name: metrics[0] || "attributes.duration" },
    colour,
  };
}

/** The columns that have to be asked for, for one of the views. */
export function neededBy(show, { chosen, candidates, x, y, colour }) {
  const brushed = readBrushes(route.value.query.brush).map(([name]) => name);
  if (show === "parallel")
    return [
      ...(chosen ? chosen.map((axis) => axis.name) : candidates),
      colour || candidates.find((name) => name.startsWith("metrics.")) || "",
      ...brushed,
    ];
  return show === "scatter" ? [...(x ? [x.name] : candidates), y.name, colour, ...brushed] : brushed;
}

/** Which rows are within the ranges of the address line; all, where there are none. */
export function useBrushed(rows) {
  const { brush = "", axes = "" } = route.value.query;
  return useMemo(() => {
    const brushes = readBrushes(brush);
    const scales = new Map(
      linesOf(axes)
        .map(readAxis)
        .filter(Boolean)
        .map((axis) => [axis.name, axis.scale]),
    );
    return within(
      brushes.map(([name]) => axisOf(rows, name, scales.get(name))),
      brushes,
      rows.length,
    );
  }, [rows, brush, axes]);
}

const differs = (rows, name) => {
  const first = valueOf(rows[0], name);
  return rows.some((row) => valueOf(row, name) !== first);
};

export function ParallelView({ rows, known, view, title, kept }) {
  const chart = useRef();
  theme.value; // the legend changes with it
  const brushes = readBrushes(route.value.query.brush);
  const { chosen, candidates } = view;
  const usual = useMemo(() => usualAxes(rows, candidates), [rows, candidates.join("\n")]);
  const wanted = chosen || usual;
  const axes = useMemo(
    () => wanted.map(({ name, scale }) => axisOf(rows, name, scale)),
    [rows, wanted.map(writeAxis).join("\n")],
  );
  const colourName = view.colour || wanted.map((axis) => axis.name).find((name) => name.startsWith("metrics.")) || "";
  const colour = useMemo(() => colourName && axisOf(rows, colourName), [rows, colourName]);
  const many = kept.reduce((sum, flag) => sum + flag, 0);
  return html`
    <section class="explore" aria-label="Parallel coordinates">
      <div class="bar">
        <${Axes} known=${known} axes=${axes} brushes=${brushes} />
        <${Choice} label="Colour" value=${colourName} known=${known}
          onChoose=${(name) => setQuery({ colour: name }, { push: true })} />
        <${Legend} axis=${colour} />
        <span class="grow"></span>
        <span class="quiet" aria-live="polite">
          ${
            brushes.length
              ? `${number(many)} of ${number(rows.length)} runs within the ranges`
              : "Drag along an axis to keep a range"
          }</span>
        <button disabled=${!brushes.length}
          onClick=${() => setQuery({ brush: "" }, { push: true })}>Clear ranges</button>
        <button onClick=${() => savePng(chart.current, `${title}: parallel coordinates`, pngLegend(colour))}>PNG
          </button>
      </div>
      <div ref=${chart}>${
        axes.length
          ? html`<${Parallel} rows=${rows} axes=${axes} brushes=${brushes} colour=${colour} />`
          : html`<${Empty} title="No axes yet.">
            <p>Choose some under Axes: params and metrics that the runs have.</p><//>`
      }</div>
    </section>
  `;
}

function usualAxes(rows, candidates) {
  if (!rows.length) return [];
  const varied = candidates.filter((name) => differs(rows, name));
  const params = varied.filter((name) => name.startsWith("params.")).slice(0, USUAL.params);
  return [...params, ...varied.filter((name) => name.startsWith("metrics."))].map((name) => ({ name }));
}

/** The axes as a list: order, scale, and ranges for those who would rather write them. */
function Axes({ known, axes, brushes }) {
  const list = axes.map(({ name, scale }) => ({ name, scale }));
  const set = (next) => setQuery({ axes: next.map(writeAxis).join("\n") || "\n" });
  const move = (at, step) => {
    const next = [...list];
    const [moved] = next.splice(at, 1);
    next.splice(at + step, 0, moved);
    set(next);
  };
  const brush = (name, range) =>
    setQuery({
      brush: writeBrushes([...brushes.filter(([brush]) => brush !== name), ...(range ? [[name, ...range]] : [])]),
    });
  const remove = (name) => {
    brush(name, null);
    set(list.filter((axis) => axis.name !== name));
  };
  return html`
    <${Popup} label="Axes" title="Axes of the parallel coordinates">
      <ol class="order">${axes.map(
        (axis, at) => html`<li key=${axis.name}>
        <span title=${axis.name}>${axis.label}</span>
        <select aria-label=${`Scale of ${axis.name}`} value=${axis.scale}
          onChange=${(event) =>
            set(list.map((old) => (old.name === axis.name ? { ...old, scale: event.target.value } : old)))}>
          ${axis.scales.map((scale) => html`<option value=${scale}>${scale}</option>`)}</select>
        <button class="plain" disabled=${at === 0} aria-label=${`Move ${axis.name} left`}
          onClick=${() => move(at, -1)}>↑</button>
        <button class="plain" disabled=${at === axes.length - 1} aria-label=${`Move ${axis.name} right`}
          onClick=${() => move(at, 1)}>↓</button>
        <button class="plain" aria-label=${`Leave out ${axis.name}`} onClick=${() => remove(axis.name)}>×</button>
        <${Range} axis=${axis} brush=${brushes.find(([name]) => name === axis.name)}
          onRange=${(range) => brush(axis.name, range)} /></li>`,
      )}</ol>
      <${Adder} known=${known} has=${axes.map((axis) => axis.name)} onAdd=${(name) => set([...list, { name }])} />
    <//>
  `;
}

function Range({ axis, brush, onRange }) {
  const [low = "", high = ""] = brush ? brush.slice(1) : [];
  const category = axis.scale === "category";
  const read = (text, other) => (category ? text : (numeric(text) ?? other));
  const ends = [axis.at(0), axis.at(1)];
  const put = (place) => (event) => {
    // One category is a choice already; of numbers, one end alone is meant more often.
    if (category && !brush) return onRange(event.target.value ? [event.target.value, event.target.value] : null);
    const next = [low === "" ? ends[0] : low, high === "" ? ends[1] : high];
    next[place] = event.target.value === "" ? ends[place] : read(event.target.value, next[place]);
    return onRange(event.target.value === "" && String(next[1 - place]) === String(ends[1 - place]) ? null : next);
  };
  const field = (place, value, what) =>
    category
      ? html`<select aria-label=${`${axis.name} ${what}`} value=${value} onChange=${put(place)}><option value="">
        ${what} …</option>${axis.ticks.map(({ text }) => html`<option value=${text}>${text}</option>`)}</select>`
      : html`<${Typed} inputmode="decimal" aria-label=${`${axis.name} ${what}`}
        placeholder=${`${what} ${shownValue(axis.name, Number(ends[place].toPrecision(4)))}`} value=${value}
        onChange=${put(place)} />`;
  return html`<span class="range">${field(0, low, "from")}${field(1, high, "to")}</span>`;
}

function Adder({ known, has, onAdd }) {
  return html`<div class="bar">
    <${Choice} label="Add" value="" none="an axis" known=${known} onChoose=${(name) =>
      name && !has.includes(name) && onAdd(name)} /></div>`;
}

export function ScatterView({ rows, known, view, title, kept, picked }) {
  const chart = useRef();
  theme.value;
  const usual = view.candidates.find((name) => name.startsWith("params.") && rows.length && differs(rows, name));
  const [x, y] = [view.x || { name: usual || "attributes.start_time" }, view.y].map(({ name, scale }) =>
    useMemo(() => axisOf(rows, name, scale), [rows, name, scale]),
  );
  const colour = useMemo(() => view.colour && axisOf(rows, view.colour), [rows, view.colour]);
  const missing = rows.length - x.places.filter((place, at) => !Number.isNaN(place + y.places[at])).length;
  const axis = (key, shown, label) => html`
    <${Choice} label=${label} value=${shown.name} known=${known}
      onChoose=${(name) => setQuery({ [key]: name }, { push: true })} />
    ${
      shown.scales.includes("log") &&
      html`<button aria-pressed=${shown.scale === "log"} aria-label=${`Logarithmic ${label}`}
      onClick=${() =>
        setQuery(
          { [key]: writeAxis({ name: shown.name, scale: shown.scale === "log" ? "linear" : "log" }) },
          { push: true },
        )}>log</button>`
    }`;
  const pictured = `${title}: ${labelOf(y.name)} over ${labelOf(x.name)}`;
  return html`
    <section class="explore" aria-label="Scatter plot">
      <div class="bar">
        <span class="pair">${axis("sx", x, "x")}</span><span class="pair">${axis("sy", y, "y")}</span>
        <${Choice} label="Colour" value=${view.colour} none="none" known=${known}
          onChoose=${(name) => setQuery({ colour: name }, { push: true })} />
        <span class="grow"></span>
        <button onClick=${() => savePng(chart.current, pictured, pngLegend(colour))}>PNG</button>
      </div>
      <div ref=${chart}><${Scatter} rows=${rows} x=${x} y=${y} colour=${colour} kept=${kept} picked=${picked} /></div>
      <div class="bar foot"><${Legend} axis=${colour} /><span class="quiet">
        ${
          missing
            ? `${number(missing)} of ${number(rows.length)} runs have no ${x.label} or no ${y.label}`
            : count(rows.length, "run")
        }</span></div>
    </section>
  `;
}

function Legend({ axis }) {
  const legend = legendOf(axis || null);
  if (!legend) return null;
  if (legend.swatches) {
    return html`<span class="legend">${legend.swatches.map(
      ({ text, colour }) => html`<span key=${text}>
      <i style=${{ background: colour }}></i>${text}</span>`,
    )}</span>`;
  }
  return html`<span class="legend" title=${axis.label}><span>${shownValue(axis.name, legend.low)}</span>
    <i class="ramp" style=${{ background: ramp() }}></i><span>${shownValue(axis.name, legend.high)}</span></span>`;
}

function pngLegend(axis) {
  const legend = legendOf(axis || null);
  if (!legend) return [];
  if (legend.swatches) return legend.swatches.map(({ text, colour }) => ({ label: text, colour }));
  const [low, high] = [shownValue(axis.name, legend.low), shownValue(axis.name, legend.high)];
  return [{ label: `${axis.label}: ${low} (dark) to ${high} (bright)`, colour: "transparent" }];
}
