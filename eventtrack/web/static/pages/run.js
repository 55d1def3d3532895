/** One run: what it is, its curves, params, tags, files, the runs nested in it, and its past. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { link, route } from "../lib/route.js";
import { ago, duration, moment, number } from "../lib/format.js";
import { Charts } from "../parts/charts.js";
import { Actions, Name, Note, TagEditor } from "../parts/edit.js";
import { Files } from "../parts/files.js";
import { History } from "../parts/history.js";
import { Loaded, Status } from "../parts/states.js";

const TABS = [["Overview", ""], ["Charts", "charts"], ["Files", "files"], ["History", "history"]];

export function Run({ runId }) {
  const asked = useData(["run", runId], (options) => get("run", { run_id: runId }, options));
  useLive((stream) => stream === `run/${runId}` || (asked.data?.children || []).some((one) => stream === `run/${one.run_id}`), asked.reload, 500);
  return html`<main><${Loaded} asked=${asked} what="Reading the run">${(run) => html`<${Shown} run=${run} reload=${asked.reload} />`}<//></main>`;
}

function Shown({ run, reload }) {
  const { info, experiment } = run;
  const { tab = "" } = route.value.query;
  const parent = run.tags["mlflow.parentRunId"];
  return html`
    <div class="crumbs"><a href=${link([])}>Experiments</a> / <a href=${link(["experiments", experiment.experiment_id])}>${experiment.name}</a> /
      ${parent && html` <a href=${link(["runs", parent])}>parent run</a> /`}</div>
    <${Name} info=${info} reload=${reload} />
    ${info.lifecycle_stage === "deleted" && html`<p class="problem" role="status">This run is deleted. Nothing is lost: it can be restored.</p>`}
    <nav class="tabs" aria-label="Parts of the run">${TABS.map(([name, value]) => html`
      <a href=${link(["runs", info.run_id], { tab: value })} aria-current=${tab === value ? "page" : undefined}>${name}</a>`)}</nav>
    ${tab === "" && html`<${Overview} run=${run} reload=${reload} />`}
    ${tab === "charts" && html`<${Charts} runs=${[info]} keys=${run.metrics.map((one) => one.key)} />`}
    ${tab === "files" && html`<${Files} runId=${info.run_id} />`}
    ${tab === "history" && html`<${History} runId=${info.run_id} />`}
  `;
}

function Overview({ run, reload }) {
  const { info } = run;
  return html`
    <div class="columns">
      <section>
        <dl class="facts">
          <dt>Status</dt><dd><${Status} status=${info.status} /></dd>
          <dt>Started</dt><dd>${moment(info.start_time)} <span class="quiet">${ago(info.start_time)}</span></dd>
          <dt>Took</dt><dd>${info.end_time ? duration(info.end_time - info.start_time) : info.status === "RUNNING" ? `${duration(Date.now() - info.start_time)} so far` : ""}</dd>
          <dt>User</dt><dd>${info.user_id || html`<span class="quiet">not said</span>`}</dd>
          <dt>Run id</dt><dd class="mono">${info.run_id}</dd>
          ${["mlflow.source.name", "mlflow.source.git.commit"].map((key) => run.tags[key] && html`<dt>${key.endsWith("name") ? "Program" : "Commit"}</dt><dd class="mono">${run.tags[key]}</dd>`)}
        </dl>
        <${Actions} info=${info} reload=${reload} />
      </section>
      <section><${Note} info=${info} text=${run.tags["mlflow.note.content"] || ""} reload=${reload} /></section>
    </div>
    <div class="columns">
      <section><h2>Metrics</h2><${Metrics} run=${run} /></section>
      <section><h2>Params</h2><${Pairs} pairs=${run.params} none="No params were logged." /></section>
      <section><h2>Tags</h2><${TagEditor} info=${info} tags=${run.tags} reload=${reload} /></section>
      ${run.inputs.dataset_inputs.length > 0 && html`<section><h2>Data it read</h2><${Datasets} inputs=${run.inputs.dataset_inputs} /></section>`}
    </div>
    ${run.children.length > 0 && html`<h2>Nested runs</h2><${Children} children=${run.children} />`}
  `;
}

const Metrics = ({ run }) => run.metrics.length === 0 ? html`<p class="quiet">No metrics were logged.</p>` : html`
  <table class="list"><thead><tr><th>Name</th><th class="num">Latest</th><th class="num">Step</th></tr></thead>
    <tbody>${run.metrics.map((one) => html`<tr key=${one.key}><td class="name"><a href=${link(["runs", run.info.run_id], { tab: "charts", find: one.key })}>${one.key}</a></td><td class="num" title=${one.value}>${number(one.value)}</td><td class="num">${number(one.step)}</td></tr>`)}</tbody>
  </table>`;

export const Pairs = ({ pairs, none }) => Object.keys(pairs).length === 0 ? html`<p class="quiet">${none}</p>` : html`
  <table class="list"><tbody>${Object.entries(pairs).map(([key, value]) => html`<tr key=${key}><td class="name">${key}</td><td class="value">${value}</td></tr>`)}</tbody></table>`;

const Datasets = ({ inputs }) => html`
  <table class="list"><tbody>${inputs.map(({ dataset, tags }) => html`
    <tr><td class="name">${dataset.name}</td><td>${tags.map((one) => one.value).join(", ")}</td><td class="mono">${dataset.digest}</td></tr>`)}</tbody></table>`;

function Children({ children }) {
  const keys = [...new Set(children.flatMap((one) => Object.keys(one.metrics)))].sort().slice(0, 5);
  return html`
    <div class="scroll"><table class="list">
      <thead><tr><th>Name</th><th>Status</th><th>Took</th>${keys.map((key) => html`<th class="num">${key}</th>`)}</tr></thead>
      <tbody>${children.map((one) => html`<tr key=${one.run_id}>
        <td class="name"><a href=${link(["runs", one.run_id])}>${one.run_name}</a></td><td><${Status} status=${one.status} /></td>
        <td>${one.end_time ? duration(one.end_time - one.start_time) : ""}</td>
        ${keys.map((key) => html`<td class="num">${number(one.metrics[key])}</td>`)}</tr>`)}
      </tbody>
    </table></div>
    <p><a href=${link(["compare"], { runs: children.slice(0, 50).map((one) => one.run_id).join(",") })}>Compare ${children.length > 50 ? "the first 50" : "them"}</a></p>
  `;
}
