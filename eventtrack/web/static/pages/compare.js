/** Several runs side by side: what differs between them, and their curves over each other. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { strokeOf } from "../lib/colour.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { duration, number } from "../lib/format.js";
import { theme } from "../lib/theme.js";
import { Charts } from "../parts/charts.js";
import { Empty, Loaded, Status } from "../parts/states.js";

const MOST = 50;

export function Compare() {
  const ids = [...new Set((route.value.query.runs || "").split(",").filter(Boolean))].slice(0, MOST);
  const asked = useData(["compare", ids], (options) => Promise.all(ids.map((id) => get("run", { run_id: id }, options))));
  useLive((stream) => ids.includes(stream.slice(4)), asked.reload, 1000);
  if (!ids.length) return html`<main><${Empty} title="No runs to compare."><p>Select some in the <a href=${link([])}>table of an experiment</a>.</p><//></main>`;
  return html`<main><${Loaded} asked=${asked} what="Reading the runs">${(runs) => html`<${Shown} runs=${runs} />`}<//></main>`;
}

function Shown({ runs }) {
  const { all = "", base = "" } = route.value.query;
  const first = runs[0].experiment;
  const keys = [...new Set(runs.flatMap((run) => run.metrics.map((one) => one.key)))].sort();
  return html`
    <div class="crumbs"><a href=${link([])}>Experiments</a> / <a href=${link(["experiments", first.experiment_id])}>${first.name}</a> /</div>
    <h1>Compare ${runs.length} runs</h1>
    <div class="bar">
      <label class="check"><input type="checkbox" checked=${all === "1"} onChange=${(event) => setQuery({ all: event.target.checked ? "1" : "" }, { push: true })} /> also what is equal</label>
      <label class="check">difference to <select value=${base} onChange=${(event) => setQuery({ base: event.target.value }, { push: true })}>
        <option value="">none</option>${runs.map((run) => html`<option value=${run.info.run_id}>${run.info.run_name}</option>`)}</select></label>
    </div>
    <${Differences} runs=${runs} keys=${keys} all=${all === "1"} base=${runs.find((run) => run.info.run_id === base)} />
    <h2>Curves</h2>
    <${Charts} runs=${runs.map((run) => run.info)} keys=${keys} />
  `;
}

function Differences({ runs, keys, all, base }) {
  theme.value; // swatches change with it
  const latest = new Map(runs.map((run) => [run, Object.fromEntries(run.metrics.map((one) => [one.key, one.value]))]));
  const names = (part) => [...new Set(runs.flatMap((run) => Object.keys(run[part])))].sort();
  const groups = [
    ["Metrics", keys.map((key) => [key, runs.map((run) => latest.get(run)[key])]), true],
    ["Params", names("params").map((key) => [key, runs.map((run) => run.params[key])])],
    ["Tags", names("tags").filter((key) => !key.startsWith("mlflow.")).map((key) => [key, runs.map((run) => run.tags[key])])],
  ].map(([title, rows, numeric]) => [title, rows.filter(([, values]) => all || new Set(values).size > 1), numeric]);
  return html`
    <div class="scroll"><table class="list">
      <thead><tr><th></th>${runs.map(({ info }) => html`<th class="num"><span class="swatch" style=${{ color: strokeOf(info.run_id).colour }} aria-hidden="true"></span> <a href=${link(["runs", info.run_id])}>${info.run_name}</a></th>`)}</tr></thead>
      <tbody>
        <tr><td>Status</td>${runs.map(({ info }) => html`<td class="num"><${Status} status=${info.status} /></td>`)}</tr>
        <tr><td>Took</td>${runs.map(({ info }) => html`<td class="num">${info.end_time ? duration(info.end_time - info.start_time) : ""}</td>`)}</tr>
        ${groups.map(([title, rows, numeric]) => html`
          <tr><th colspan=${runs.length + 1}>${title}${rows.length ? "" : html` <span class="quiet">do not differ</span>`}</th></tr>
          ${rows.map(([key, values]) => html`<tr key=${key}><td class="name">${key}</td>${values.map((value) => html`<td class="num">
            ${value === undefined ? html`<span class="quiet">–</span>` : number(value)}
            ${numeric && base && html` <${Delta} value=${value} of=${latest.get(base)[key]} />`}</td>`)}</tr>`)}`)}
      </tbody>
    </table></div>
  `;
}

function Delta({ value, of }) {
  if (typeof value !== "number" || typeof of !== "number" || value === of) return null;
  return html`<span class="quiet">${value > of ? "+" : "−"}${number(Math.abs(value - of))}</span>`;
}
