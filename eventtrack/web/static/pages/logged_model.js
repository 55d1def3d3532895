/** One logged model: the run that made it, its params, its metrics on each dataset, and the versions made from it. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { link, route } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { History } from "../parts/history.js";
import { Many } from "../parts/many.js";
import { Loaded } from "../parts/states.js";
import { Versions } from "./model.js";
import { Pairs } from "./run.js";
import { Tabs } from "../parts/tabs.js";

export function LoggedModel({ modelId }) {
  const asked = useData(["logged-model", modelId], (options) => get("logged-model", { model_id: modelId }, options));
  useLive((stream) => stream === `model/${modelId}` || stream.startsWith("registered/"), asked.reload, 500);
  return html`<main><${Loaded} asked=${asked} what="Reading the model">
    ${(model) => html`<${Shown} model=${model} />`}<//></main>`;
}

function Shown({ model }) {
  useTitle(model.name, "logged model", model.experiment);
  const { tab = "" } = route.value.query;
  const tabs = [
    ["", "Overview"],
    ["history", "History"],
  ];
  return html`
    <div class="crumbs"><a href=${link(["models"], { view: "logged" })}>Logged models</a> /${" "}
      <a href=${link(["experiments", model.experiment_id])}><bdi>${model.experiment}</bdi></a> /
      ${
        model.run_id &&
        html` <a href=${link(["runs", model.run_id])}><bdi>${model.runs[model.run_id] || model.run_id}</bdi></a> /`
      }</div>
    <h1><bdi>${model.name}</bdi></h1>
    ${model.lifecycle_stage === "deleted" && html`<p class="problem" role="status">This model is deleted.</p>`}
    <p class="summary"><span>${model.status.toLowerCase()}</span>${model.kind && html`<span>${model.kind}</span>`}
      <span title=${moment(model.created)}>created ${ago(model.created)}</span>
      <span class="mono">${model.model_id}</span></p>
    <${Tabs} label="Parts of the model" tabs=${tabs} path=${["logged-models", model.model_id]} by="tab" shown=${tab} />
    ${
      tab === "history"
        ? html`<${History} subject=${`model/${model.model_id}`} stream=${`model/${model.model_id}`} />`
        : html`<${Overview} model=${model} />`
    }`;
}

const Overview = ({ model }) => html`
  <section><h2>Versions made from it</h2>${
    model.versions.length
      ? html`<${Versions} versions=${model.versions} runs=${model.runs} named />`
      : html`<p class="quiet">None. <code>mlflow.register_model("models:/${model.model_id}", "name")</code> makes one.
        </p>`
  }</section>
  <div class="columns">
    <section><h2>Metrics</h2><${Points} model=${model} /></section>
    <section><h2>Params</h2><${Pairs} pairs=${model.params} none="No params were logged." /></section>
    <section><h2>Tags</h2><${Pairs} pairs=${model.tags} none="No tags." /></section>
  </div>`;

const Points = ({ model }) =>
  model.points.length
    ? html`<${Many} rows=${model.points} textOf=${(point) => `${point.key} ${point.dataset}`} what="metrics">${(
        rows,
      ) => html`
    <div class="scroll" tabindex="0" role="region" aria-label="Metrics"><table class="list">
      <thead><tr><th>Name</th><th class="num">Value</th><th class="num">Step</th><th>Dataset</th>
        <th>Run</th></tr></thead>
      <tbody>${rows.map(
        (point) => html`<tr><td class="name"><bdi>${point.key}</bdi></td>
        <td class="num" title=${point.value}>${number(point.value)}</td><td class="num">${number(point.step)}</td>
        <td>${
          point.dataset &&
          html`<a href=${point.digest ? link(["data", point.digest]) : link(["data"], { find: point.dataset })}>
          <bdi>${point.dataset}</bdi></a>`
        }</td>
        <td class="name">${
          point.run_id &&
          html`<a href=${link(["runs", point.run_id])}><bdi>${model.runs[point.run_id] || point.run_id}</bdi></a>`
        }</td></tr>`,
      )}</tbody></table></div>`}<//>`
    : html`<p class="quiet">No metrics. <code>mlflow.log_metric(..., model_id=...)</code> logs one of a model.</p>`;
