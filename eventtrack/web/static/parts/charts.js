/** A chart for each metric, with one set of controls; all their state is in the address line. */
import { html, useLayoutEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { strokeOf } from "../lib/colour.js";
import { useCurves } from "../lib/curves.js";
import { savePng } from "../lib/download.js";
import { route, setQuery } from "../lib/route.js";
import { number } from "../lib/format.js";
import { KINDS, smoothed } from "../lib/smooth.js";
import { theme } from "../lib/theme.js";
import { METRIC, Plot } from "./plot.js";
import { Empty, Failed } from "./states.js";

const AXES = [
  ["step", "step"],
  ["time", "time"],
  ["relative", "time since start"],
];
// Of the wall of charts, in CSS pixels: as in style.css.
const CHART = { width: 380, height: 260, gap: 16 };
const HEADING = 40;
// How far beyond the screen charts are there already.
const SPARE = 300;

/** @param {{runs: {run_id: string, run_name: string}[], keys: string[]}} props */
export function Charts({ runs, keys }) {
  const { find = "", shut = "" } = route.value.query;
  const groups = useMemo(
    () => grouped(keys.filter((key) => key.toLowerCase().includes(find.toLowerCase()))),
    [keys, find],
  );
  if (!keys.length) {
    return html`<${Empty} title="No metrics yet.">
      <p>What is logged with log_metric is drawn here as it arrives.</p><//>`;
  }
  return html`
    <${Controls} keys=${keys} />
    ${
      groups.length
        ? html`<${Wall} runs=${runs} groups=${groups} shut=${new Set(shut.split("\n").filter(Boolean))} />`
        : html`<${Empty} title=${`No metric is called like “${find}”.`} />`
    }
  `;
}

// Metrics without a slash in their names are a group too, the first; no other can be called so.
const PLAIN = "/";

/** Metrics by what stands before their first slash; where that makes but one group it has no name. */
function grouped(keys) {
  const groups = new Map([[PLAIN, []]]);
  for (const key of keys) {
    const name = key.includes("/") ? key.slice(0, key.indexOf("/")) : PLAIN;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(key);
  }
  const named = [...groups].filter(([, of]) => of.length).map(([name, of]) => ({ name, keys: of }));
  named.sort((a, b) => (a.name === "system") - (b.name === "system")); // the machine after the training
  return named.length === 1 ? [{ name: null, keys }] : named;
}

// Metrics that are offered as an axis: a list of thousands helps nobody, and the address takes any.
const OFFERED = 200;

function Controls({ keys }) {
  const { x = "step", log = "", smooth = "0", kind = "", tight = "", zoom = "", find = "" } = route.value.query;
  return html`
    <div class="bar" role="group" aria-label="How curves are drawn">
      ${
        keys.length > 3 &&
        html`<input type="search" placeholder="Find metrics" aria-label="Find metrics" value=${find}
        onInput=${(event) => setQuery({ find: event.target.value })} />`
      }
      <label class="check">over <select value=${x}
        onChange=${(event) => setQuery({ x: event.target.value, zoom: "" }, { push: true })}>
        ${AXES.map(([value, name]) => html`<option value=${value}>${name}</option>`)}
        <optgroup label="another metric, by step">${offered(keys, x).map(
          (key) => html`<option value=${METRIC + key}>${key}</option>`,
        )}</optgroup></select></label>
      <label class="check">smooth <input type="range" min="0" max="0.99" step="0.01" value=${smooth}
        onInput=${(event) => setQuery({ smooth: event.target.value === "0" ? "" : event.target.value })} />
        <output>${Number(smooth).toFixed(2)}</output></label>
      <select aria-label="Kind of smoothing" value=${kind}
        onChange=${(event) => setQuery({ kind: event.target.value }, { push: true })}>
        ${KINDS.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select>
      <button aria-pressed=${log === "1"} onClick=${() =>
        setQuery({ log: log ? "" : "1" }, { push: true })}>log y</button>
      <button aria-pressed=${tight === "1"} title="Fit the axis to most points: single ones may lie outside"
        onClick=${() => setQuery({ tight: tight ? "" : "1" }, { push: true })}>ignore outliers</button>
      ${zoom && html`<button onClick=${() => setQuery({ zoom: "" }, { push: true })}>Reset zoom</button>`}
    </div>
  `;
}

/** The metrics that may be an axis, with the one that is. */
function offered(keys, x) {
  const chosen = x.startsWith(METRIC) ? [x.slice(METRIC.length)] : [];
  return [...new Set([...keys.slice(0, OFFERED), ...chosen])];
}

/** All charts one below the other, of which only those near the screen exist: there may be thousands. */
function Wall({ runs, groups, shut }) {
  const box = useRef();
  const [sight, setSight] = useState({ width: 0, top: 0, height: innerHeight });
  useLayoutEffect(() => {
    const look = () => {
      const { top, width } = box.current.getBoundingClientRect();
      // In steps, so that most scrolling changes nothing.
      const rounded = Math.floor(-top / SPARE) * SPARE;
      setSight((old) =>
        old.width === width && old.top === rounded && old.height === innerHeight
          ? old
          : { width, top: rounded, height: innerHeight },
      );
    };
    look();
    const sized = new ResizeObserver(look);
    sized.observe(box.current);
    // Also of whatever the charts are scrolled in.
    addEventListener("scroll", look, { passive: true, capture: true });
    addEventListener("resize", look);
    return () => {
      sized.disconnect();
      removeEventListener("scroll", look, { capture: true });
      removeEventListener("resize", look);
    };
  }, []);
  const across = Math.max(Math.floor((sight.width + CHART.gap) / (CHART.width + CHART.gap)), 1);
  const { places, height } = useMemo(() => arranged(groups, shut, across), [groups, [...shut].join("\n"), across]);
  const near = sight.width
    ? places.filter(({ top, height }) => top + height > sight.top - SPARE && top < sight.top + sight.height + 2 * SPARE)
    : [];
  const wide = `calc(${100 / across}% - ${(CHART.gap * (across - 1)) / across}px)`;
  const left = (column) => `calc(${(100 / across) * column}% + ${(CHART.gap * column) / across}px)`;
  return html`<div class="charts" ref=${box} style=${{ height: `${height}px` }}>
    ${near.map(({ top, group, key, column }) =>
      key === undefined
        ? html`<${Heading} key=${`/${group.name}`} group=${group} top=${top} shut=${shut} />`
        : html`<${Chart} key=${key} name=${key} runs=${runs}
          place=${{ top: `${top}px`, left: left(column), width: wide }} />`,
    )}
  </div>`;
}

/** Where everything is: headings with their `group`, charts with their `key` and `column`. */
function arranged(groups, shut, across) {
  const places = [];
  let top = 0;
  for (const group of groups) {
    if (group.name !== null) {
      places.push({ top, height: HEADING, group });
      top += HEADING;
      if (shut.has(group.name)) continue;
    }
    group.keys.forEach((key, at) =>
      places.push({
        top: top + Math.floor(at / across) * (CHART.height + CHART.gap),
        height: CHART.height,
        key,
        column: at % across,
      }),
    );
    top += Math.ceil(group.keys.length / across) * (CHART.height + CHART.gap);
  }
  return { places, height: top };
}

function Heading({ group, top, shut }) {
  const open = !shut.has(group.name);
  const turn = () => {
    const others = [...shut].filter((name) => name !== group.name);
    setQuery({ shut: (open ? [...others, group.name] : others).join("\n") });
  };
  return html`<h3 class="group" style=${{ top: `${top}px` }}>
    <button class="plain" aria-expanded=${open} onClick=${turn}>
      ${open ? "▾" : "▸"} ${group.name === PLAIN ? "metrics" : group.name} <span class="quiet">
      ${number(group.keys.length)}</span></button></h3>`;
}

/** One metric of some runs. What it asks for stops when it goes out of sight. */
function Chart({ name, runs, place }) {
  const { x = "step", log = "", smooth = "0", kind = "", tight = "", zoom = "" } = route.value.query;
  const box = useRef();
  const [low, high] = zoom.split(",").map(Number);
  const range = zoom && Number.isFinite(low) && high > low ? { low, high } : {};
  // As many buckets as a chart has pixels: more could not be seen. Of a thousand curves less.
  const buckets = runs.length > 100 ? 150 : 400;
  const ids = runs.map((run) => run.run_id).join();
  const runIds = useMemo(() => ids.split(","), [ids]);
  const asked = useCurves({ run_ids: runIds, keys: [name], x, buckets, ...range }, runs.length > 0);
  const dark = theme.value;
  const names = useMemo(() => new Map(runs.map((run) => [run.run_id, run.run_name])), [runs]);
  const made = useRef(new Map());
  const curves = useMemo(() => {
    const weight = Number(smooth) || 0;
    const before = made.current;
    made.current = new Map();
    for (const id of runIds) {
      const curve = asked.curves.get(id);
      if (!curve) continue;
      const known = before.get(id);
      const label = names.get(id) || id.slice(0, 8);
      const kept =
        known &&
        known.of === curve &&
        known.weight === weight &&
        known.kind === kind &&
        known.dark === dark &&
        known.label === label;
      made.current.set(
        id,
        kept
          ? known
          : {
              of: curve,
              weight,
              kind,
              dark,
              label,
              ...strokeOf(id),
              x: curve.x,
              y: smoothed(curve.x, curve.y, weight, kind),
              faint: weight ? curve.y : undefined,
            },
      );
    }
    return [...made.current.values()];
  }, [asked.curves, smooth, kind, dark, runIds, names]);
  const points = curves.reduce((sum, drawn) => sum + drawn.of.points, 0);
  const known = asked.x !== "";
  const shown = asked.x === x ? { low: range.low ?? asked.low, high: range.high ?? asked.high } : asked;
  return html`<section class="chart" ref=${box} aria-label=${name} style=${place}>
    <h3><span title=${name}>${name}</span><small><span>
      ${known ? `${number(points)} point${points === 1 ? "" : "s"}` : ""}</span>
      <button class="plain" disabled=${!curves.length} aria-label=${`Save ${name} as PNG`}
        onClick=${() => savePng(box.current.querySelector(".plot"), name, curves)}>PNG</button></small></h3>
    ${
      asked.error && !known
        ? html`<${Failed} error=${asked.error} retry=${asked.reload} />`
        : known
          ? html`<${Plot} curves=${curves} done=${asked.done} x=${asked.x} log=${log === "1"} tight=${tight === "1"}
            low=${shown.low} high=${shown.high}
            label=${`${name} of ${curves
              .slice(0, 8)
              .map((curve) => curve.label)
              .join(", ")}`}
            onZoom=${(to) =>
              setQuery(
                { zoom: to ? to.map((bound) => Number(bound.toPrecision(12))).join(",") : "" },
                { push: true },
              )} />`
          : html`<div class="plot"></div>`
    }
  </section>`;
}
