/** The metrics of one run: their latest, least and greatest values, and how they went, at a glance. */
import { html, useMemo } from "../lib/ui.js";
import { betterWhen } from "../lib/better.js";
import { curveId, useCurves } from "../lib/curves.js";
import { number } from "../lib/format.js";
import { link } from "../lib/route.js";
import { byRank } from "../lib/workspace.js";
import { Many } from "./many.js";
import { Course } from "./spark.js";

// A course is some 80 pixels wide: two points for each of them say all.
const BUCKETS = 40;

export function Metrics({ run }) {
  if (run.metrics.length === 0) return html`<p class="quiet">No metrics were logged.</p>`;
  const metrics = new Map(run.metrics.map((metric) => [metric.key, metric]));
  const ranked = byRank([...metrics.keys()]).map((key) => metrics.get(key));
  return html`<${Many} rows=${ranked} textOf=${(metric) => metric.key} what="metrics">${(rows) =>
    html`<${Table} run=${run} metrics=${rows} />`}<//>`;
}

function Table({ run, metrics }) {
  const text = metrics.map(({ key }) => key).join("\n");
  const keys = useMemo(() => text.split("\n"), [text]);
  const runIds = useMemo(() => [run.info.run_id], [run.info.run_id]);
  const { curves } = useCurves({ run_ids: runIds, keys, x: "step", buckets: BUCKETS }, metrics.length > 0);
  return html`<div class="scroll"><table class="list"><thead><tr><th>Name</th>
    <th class="wide"><span class="unseen">Course</span></th><th class="num">Latest</th><th class="num">Min</th>
    <th class="num">Max</th><th class="num wide">Step</th></tr></thead>
    <tbody>${metrics.map(
      (metric) => html`<${Row} key=${metric.key} run=${run} metric=${metric}
      curve=${curves.get(curveId(run.info.run_id, metric.key))} />`,
    )}</tbody></table></div>`;
}

function Row({ run, metric: { key, value, step }, curve }) {
  const [least, most] = useMemo(() => [extreme(curve, 1), extreme(curve, -1)], [curve]);
  const way = least?.value < most?.value ? betterWhen(key) : null;
  const cell = (found, best) =>
    html`<td class="num" title=${found ? `${found.value} at step ${found.step}` : ""}>${
      found && (best ? html`<small class="best">best</small> ${number(found.value)}` : number(found.value))
    }</td>`;
  return html`<tr><td class="name">
    <a href=${link(["runs", run.info.run_id], { tab: "charts", find: key })}>${key}</a></td>
    <td class="wide">${curve?.x.length > 1 && html`<${Course} x=${curve.x} y=${curve.y} />`}</td>
    <td class="num" title=${value}>${number(value)}</td>${cell(least, way === "less")}${cell(most, way === "more")}
    <td class="num wide">${number(step)}</td></tr>`;
}

/** The least (`sign` 1) or greatest (-1) finite value of a curve, which no thinning takes away, and its first step. */
function extreme(curve, sign) {
  let point;
  curve?.y.forEach((value, at) => {
    if (Number.isFinite(value) && (!point || sign * value < sign * point.value)) point = { value, step: curve.x[at] };
  });
  return point;
}
