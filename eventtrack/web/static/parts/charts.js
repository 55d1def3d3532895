/** A chart for each metric, with one set of controls; all their state is in the address line. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { series } from "../lib/api.js";
import { strokeOf } from "../lib/colour.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { route, setQuery } from "../lib/route.js";
import { number } from "../lib/format.js";
import { smoothed } from "../lib/smooth.js";
import { theme } from "../lib/theme.js";
import { Plot } from "./plot.js";
import { Empty, Failed } from "./states.js";

const AXES = [["step", "step"], ["time", "time"], ["relative", "time since start"]];

/** @param {{runs: {run_id: string, run_name: string}[], keys: string[]}} props */
export function Charts({ runs, keys }) {
  const { find = "" } = route.value.query;
  const shown = keys.filter((key) => key.toLowerCase().includes(find.toLowerCase()));
  if (!keys.length) {
    return html`<${Empty} title="No metrics yet."><p>What is logged with log_metric is drawn here as it arrives.</p><//>`;
  }
  return html`
    <${Controls} many=${keys.length} />
    ${shown.length
      ? html`<div class="charts">${shown.map((key) => html`<${Chart} key=${key} name=${key} runs=${runs} />`)}</div>`
      : html`<${Empty} title=${`No metric is called like “${find}”.`} />`}
  `;
}

function Controls({ many }) {
  const { x = "step", log = "", smooth = "0", zoom = "", find = "" } = route.value.query;
  return html`
    <div class="bar" role="group" aria-label="How curves are drawn">
      ${many > 3 && html`<input type="search" placeholder="Find metrics" aria-label="Find metrics" value=${find}
        onInput=${(event) => setQuery({ find: event.target.value })} />`}
      <label class="check">over <select value=${x} onChange=${(event) => setQuery({ x: event.target.value, zoom: "" }, { push: true })}>
        ${AXES.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select></label>
      <label class="check">smooth <input type="range" min="0" max="0.99" step="0.01" value=${smooth}
        onInput=${(event) => setQuery({ smooth: event.target.value === "0" ? "" : event.target.value })} />
        <output>${Number(smooth).toFixed(2)}</output></label>
      <button aria-pressed=${log === "1"} onClick=${() => setQuery({ log: log ? "" : "1" }, { push: true })}>log y</button>
      ${zoom && html`<button onClick=${() => setQuery({ zoom: "" }, { push: true })}>Reset zoom</button>`}
    </div>
  `;
}

/** Draws its curves once it is seen: a page may have thousands. */
function Chart({ name, runs }) {
  const box = useRef();
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const eye = new IntersectionObserver(([entry]) => setSeen(entry.isIntersecting), { rootMargin: "200px" });
    eye.observe(box.current);
    return () => eye.disconnect();
  }, []);
  return html`<section class="chart" ref=${box} aria-label=${name}><${Curves} name=${name} runs=${runs} seen=${seen} /></section>`;
}

function Curves({ name, runs, seen }) {
  const { x = "step", log = "", smooth = "0", zoom = "" } = route.value.query;
  const ids = runs.map((run) => run.run_id);
  const [low, high] = zoom.split(",").map(Number);
  const range = zoom && Number.isFinite(low) && high > low ? { low, high } : {};
  const kept = useRef(null);
  // As many buckets as a chart has pixels: more could not be seen.
  const buckets = Math.min(600, Math.max(100, Math.round((600 * 60) / Math.max(runs.length, 60))));
  const asked = useData(seen ? [ids, name, x, range] : null, (options) =>
    series({ run_ids: ids, keys: [name], x, buckets, ...range }, options));
  if (asked.data) kept.current = asked.data;
  useLive((stream) => seen && ids.includes(stream.slice(4)), asked.reload);
  const data = asked.data || kept.current;
  const dark = theme.value;
  const curves = useMemo(() => {
    const names = new Map(runs.map((run) => [run.run_id, run.run_name]));
    return (data?.series || []).map((one) => {
      const weight = Number(smooth) || 0;
      return {
        label: names.get(one.run_id) || one.run_id.slice(0, 8),
        ...strokeOf(one.run_id),
        x: one.x,
        y: smoothed(one.y, weight),
        faint: weight ? one.y : undefined,
      };
    });
  }, [data, smooth, dark, runs.map((run) => run.run_name).join("\n")]);
  const points = (data?.series || []).reduce((sum, one) => sum + one.points, 0);
  return html`
    <h3><span>${name}</span><small>${data ? `${number(points)} point${points === 1 ? "" : "s"}` : ""}</small></h3>
    ${asked.error && !data
      ? html`<${Failed} error=${asked.error} retry=${asked.reload} />`
      : data && seen
        ? html`<${Plot} curves=${curves} x=${x} log=${log === "1"} low=${data.low} high=${data.high}
            label=${`${name} of ${curves.map((one) => one.label).slice(0, 8).join(", ")}`}
            onZoom=${(to) => setQuery({ zoom: to ? to.map((one) => Number(one.toPrecision(12))).join(",") : "" }, { push: true })} />`
        : html`<div class="plot"></div>`}
  `;
}
