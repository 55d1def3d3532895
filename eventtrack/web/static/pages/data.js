/** Datasets: those that runs read, by digest; evaluation datasets; and scorers. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, count, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { Empty, Loaded, Status } from "../parts/states.js";
import { Tabs } from "../parts/tabs.js";
import { Value } from "../parts/value.js";

const CHANGED = /^(run|dataset|scorer)\//;
const TABS = [
  ["", "Datasets of runs"],
  ["evaluation", "Evaluation datasets"],
  ["scorers", "Scorers"],
];

export function Data() {
  const { view = "", find = "" } = route.value.query;
  const asked = useData(["datasets"], (options) => get("datasets", {}, options));
  useLive((stream) => CHANGED.test(stream), asked.reload, 5000);
  const List = { "": Used, evaluation: Evaluations, scorers: Scorers }[view] || Used;
  return html`<main>
    <h1>Data</h1>
    <${Tabs} label="Kinds of data" tabs=${TABS} path=${["data"]} by="view" shown=${view} />
    <div class="bar"><input type="search" data-focus placeholder="Find by name, digest or source" value=${find}
      aria-label="Find by name, digest or source" onInput=${(event) => setQuery({ find: event.target.value })} /></div>
    <${Loaded} asked=${asked} what="Gathering datasets">${(data) => html`<${List} ...${data} find=${find} />`}<//>
  </main>`;
}

const holding = (all, find, textsOf) =>
  all.filter((each) => textsOf(each).join("\n").toLowerCase().includes(find.trim().toLowerCase()));

const Experiments = ({ ids, names }) =>
  ids.slice(0, 3).map((id) => html`<a key=${id} href=${link(["experiments", id])}><bdi>${names[id] || id}</bdi></a> `);

function Used({ datasets, experiments, find }) {
  if (!datasets.length)
    return html`<${Empty} title="No run read a dataset.">
      <p><code>mlflow.log_input(mlflow.data.from_pandas(frame, name="train"), context="training")</code> says what a
      run read.</p><//>`;
  const shown = holding(datasets, find, (each) => [each.name, each.digest, each.source, ...each.contexts]);
  if (!shown.length) return html`<${Empty} title=${`No dataset is like “${find}”.`} />`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Datasets of runs"><table class="list stacked">
    <thead><tr><th>Name</th><th>Digest</th><th>Read for</th><th class="num">Runs</th><th class="num">Columns</th>
      <th>Source</th><th>Experiments</th></tr></thead>
    <tbody>${shown.map(
      (each) => html`<tr key=${`${each.name} ${each.digest}`}>
      <td class="name"><a href=${link(["data", each.digest])}><bdi>${each.name}</bdi></a></td>
      <td class="mono"><bdi>${each.digest}</bdi></td>
      <td>${each.contexts.map((text) => html`<span class="tag" key=${text}><bdi>${text}</bdi></span>`)}</td>
      <td class="num" data-label="runs">${number(each.runs)}</td>
      <td class="num" data-label="columns">${columnsOf(each.schema).length || ""}</td>
      <td class="name">${each.source_type} <small class="quiet"><bdi>${placeOf(each.source)}</bdi></small></td>
      <td class="name"><${Experiments} ids=${each.experiment_ids} names=${experiments} /></td></tr>`,
    )}</tbody></table></div>`;
}

/** The columns of a schema as MLflow writes it; none of any other. */
function columnsOf(schema) {
  const columns = schema?.mlflow_colspec || schema?.mlflow_tensorspec?.features;
  return Array.isArray(columns) ? columns.filter((column) => column && typeof column === "object") : [];
}

/** The place within a source, which is JSON for MLflow's own kinds. */
function placeOf(source) {
  try {
    const { uri, url, path, tags } = JSON.parse(source);
    return uri || url || path || tags?.["mlflow.source.name"] || "";
  } catch {
    return source;
  }
}

function Evaluations({ evaluation, experiments, find }) {
  if (!evaluation.length)
    return html`<${Empty} title="There are no evaluation datasets.">
      <p><code>mlflow.genai.datasets.create_dataset(name=...)</code> makes one; <code>merge_records</code> fills it.
      </p><//>`;
  const shown = holding(evaluation, find, (each) => [each.name, each.digest, ...Object.values(each.tags)]);
  if (!shown.length) return html`<${Empty} title=${`No dataset is like “${find}”.`} />`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Evaluation datasets">
    <table class="list stacked">
    <thead><tr><th>Name</th><th class="num">Records</th><th>By</th><th>Experiments</th><th class="num">Changed</th></tr>
    </thead><tbody>${shown.map(
      (each) => html`<tr key=${each.dataset_id}>
      <td class="name"><a href=${link(["evaluation", each.dataset_id])}><bdi>${each.name}</bdi></a></td>
      <td class="num" data-label="records">${number(each.profile?.num_records ?? 0)}</td>
      <td><bdi>${each.created_by}</bdi></td>
      <td class="name"><${Experiments} ids=${each.experiment_ids} names=${experiments} /></td>
      <td class="num" title=${moment(each.updated)}>${ago(each.updated)}</td></tr>`,
    )}</tbody></table></div>`;
}

function Scorers({ scorers, experiments, find }) {
  if (!scorers.length)
    return html`<${Empty} title="There are no scorers.">
      <p><code>scorer.register(name=...)</code> of <code>mlflow.genai.scorers</code> keeps one.</p><//>`;
  const shown = holding(scorers, find, (each) => [each.name]);
  if (!shown.length) return html`<${Empty} title=${`No scorer is called like “${find}”.`} />`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Scorers"><table class="list stacked">
    <thead><tr><th>Name</th><th class="num">Version</th><th>Experiment</th><th>Scorer</th>
      <th class="num">Created</th></tr></thead><tbody>${shown.map(
        (each) => html`<tr key=${`${each.experiment_id} ${each.name}`}>
      <td class="name"><bdi>${each.name}</bdi></td><td class="num" data-label="version">${number(each.version)}</td>
      <td class="name"><${Experiments} ids=${[each.experiment_id]} names=${experiments} /></td>
      <td class="value"><details><summary>Show</summary>
        <${Value} value=${each.scorer} name=${each.name} /></details></td>
      <td class="num" title=${moment(each.created)}>${ago(each.created)}</td></tr>`,
      )}</tbody></table></div>`;
}

/** One digest: the datasets that have it, and the runs that read them. */
export function Dataset({ digest }) {
  const asked = useData(["dataset", digest], (options) => get("dataset", { digest }, options));
  useLive((stream) => stream.startsWith("run/"), asked.reload, 5000);
  useTitle(asked.data?.datasets[0].name || digest, "dataset");
  return html`<main>
    <div class="crumbs"><a href=${link(["data"])}>Data</a> /</div>
    <${Loaded} asked=${asked} what="Looking for runs">${(data) => html`
      ${data.datasets.map((each) => html`<${DatasetFacts} key=${each.name} dataset=${each} />`)}
      <h2>Runs that read it</h2>
      <${Readers} ...${data} />`}<//></main>`;
}

const DatasetFacts = ({ dataset }) => html`
  <h1><bdi>${dataset.name}</bdi></h1>
  <p class="summary"><span class="mono"><bdi>${dataset.digest}</bdi></span><span>${dataset.source_type}</span>
    ${dataset.contexts.map((text) => html`<span class="tag" key=${text}><bdi>${text}</bdi></span>`)}
    <span>${count(dataset.runs, "run")}</span></p>
  <div class="columns">
    ${
      dataset.source &&
      html`<section><h2>Source</h2>
      <${Value} value=${parsed(dataset.source)} name="Source" /></section>`
    }
    ${
      dataset.profile &&
      html`<section><h2>Profile</h2>
      <${Value} value=${parsed(dataset.profile)} name="Profile" /></section>`
    }
    ${dataset.schema && html`<section><h2>Schema</h2><${Schema} schema=${dataset.schema} /></section>`}
  </div>`;

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function Schema({ schema }) {
  const columns = columnsOf(schema);
  if (!columns.length) return html`<${Value} value=${schema} name="Schema" />`;
  return html`<table class="list"><thead><tr><th>Column</th><th>Type</th></tr></thead><tbody>${columns.map(
    (column) => html`<tr key=${column.name}><td class="name"><bdi>${String(column.name ?? "")}</bdi></td>
      <td>${typeof column.type === "string" ? column.type : JSON.stringify(column.type)}${
        column.required === false ? " (optional)" : ""
      }</td></tr>`,
  )}</tbody></table>`;
}

const Readers = ({ runs, experiments, more }) =>
  runs.length
    ? html`<div class="scroll" tabindex="0" role="region" aria-label="Runs that read it"><table class="list stacked">
      <thead><tr><th>Run</th><th>Status</th><th>Read for</th><th>Experiment</th>
        <th class="num">Started</th></tr></thead>
      <tbody>${runs.map(
        (run) => html`<tr key=${run.run_id}>
        <td class="name"><a href=${link(["runs", run.run_id])}><bdi>${run.run_name}</bdi></a></td>
        <td><${Status} ...${run} /></td><td><bdi>${run.contexts.join(", ")}</bdi></td>
        <td class="name"><${Experiments} ids=${[run.experiment_id]} names=${experiments} /></td>
        <td class="num" title=${moment(run.start_time)}>${ago(run.start_time)}</td></tr>`,
      )}</tbody></table></div>
      ${more && html`<p class="quiet">The newest ${runs.length}.</p>`}
      ${
        runs.length > 1 &&
        html`<p><a href=${link(["compare"], {
          runs: runs
            .slice(0, 50)
            .map((run) => run.run_id)
            .join(","),
        })}>Compare ${runs.length > 50 ? "the first 50" : "them"}</a></p>`
      }`
    : html`<p class="quiet">All runs that read it are deleted.</p>`;
