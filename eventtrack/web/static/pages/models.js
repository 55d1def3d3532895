/** Registered models, prompts, and logged models: three lists. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { byRank } from "../lib/workspace.js";
import { link, route, setQuery } from "../lib/route.js";
import { Empty, Loaded } from "../parts/states.js";
import { Tabs } from "../parts/tabs.js";

const ROWS = 50;
const CHANGED = /^(registered|model)\//;
const TABS = [
  ["", "Registered models"],
  ["logged", "Logged models"],
  ["prompts", "Prompts"],
];

export function Models() {
  const { view = "" } = route.value.query;
  return html`<main>
    <h1>Models</h1>
    <${Tabs} label="Kinds of models" tabs=${TABS} path=${["models"]} by="view" shown=${view} />
    ${view === "logged" ? html`<${Logged} />` : html`<${Registered} key=${view} prompts=${view === "prompts"} />`}
  </main>`;
}

const Find = ({ find }) => html`<div class="bar"><input type="search" data-focus placeholder="Find by name or tag"
  aria-label="Find by name or tag" value=${find} onInput=${(event) => setQuery({ find: event.target.value })} /></div>`;

const holds = (texts, find) => texts.join("\n").toLowerCase().includes(find.trim().toLowerCase());

function Registered({ prompts }) {
  const { find = "" } = route.value.query;
  const asked = useData(["models", prompts], (options) => get("models", { prompts }, options));
  useLive((stream) => CHANGED.test(stream), asked.reload, 1000);
  return html`<${Loaded} asked=${asked} what="Reading the registry">${({ models, more }) => {
    const shown = models.filter((model) => holds([model.name, model.description, ...tagsOf(model)], find));
    if (!models.length) return prompts ? html`<${NoPrompts} />` : html`<${NoModels} />`;
    return html`<${Find} find=${find} />
      ${
        shown.length
          ? html`<div class="scroll" tabindex="0" role="region" aria-label="Registered models">
        <table class="list stacked">
        <thead><tr><th>Name</th><th class="num">Latest</th><th>Aliases</th><th>Stages</th><th>Tags</th>
          <th class="num">Changed</th></tr></thead>
        <tbody>${shown.map((model) => html`<${Row} key=${model.name} model=${model} />`)}</tbody></table></div>`
          : html`<${Empty} title=${`No model is called like “${find}”.`} />`
      }
      ${more && html`<p class="quiet">The 1,000 that changed last.</p>`}`;
  }}<//>`;
}

const Row = ({ model }) => html`<tr>
  <td class="name"><a href=${link(["models", model.name])}><bdi>${model.name}</bdi></a>
    ${model.description && html`<div class="about" title=${model.description}>${firstLine(model.description)}</div>`}
    </td>
  <td class="num">${model.latest === null ? "" : `v${model.latest}`}</td>
  <td><${Aliases} aliases=${Object.entries(model.aliases)} /></td>
  <td>${Object.entries(model.stages)
    .filter(([stage]) => stage !== "None")
    .map(([stage, version]) => html`<span class="tag" key=${stage}>${stage} v${version}</span>`)}</td>
  <td>${tagsOf(model).map((text) => html`<span class="tag" key=${text}><bdi>${text}</bdi></span>`)}</td>
  <td class="num" title=${moment(model.updated)}>${ago(model.updated)}</td></tr>`;

/** The first line of Markdown that is prose, without marks. */
const firstLine = (text) => {
  const lines = text.split("\n").filter((line) => line.trim());
  return (lines.find((line) => !/^\s*[#>|`-]/.test(line)) || lines[0] || "").replace(/^[#>\s*-]+|[*`]/g, "");
};

const tagsOf = (model) =>
  Object.entries(model.tags)
    .filter(([key]) => !key.startsWith("mlflow."))
    .map(([key, value]) => `${key}: ${value}`);

/** @param {{aliases: [string, number | undefined][]}} props names, each with a version if it is to be shown */
export const Aliases = ({ aliases }) =>
  aliases.map(
    ([alias, version]) => html`<span class="tag alias" key=${alias}><bdi>@${alias}</bdi>${version ? ` v${version}` : ""}
    </span> `,
  );

const NoModels = () => html`<${Empty} title="No models are registered.">
  <p><code>mlflow.register_model("models:/MODEL_ID", "name")</code>, or <code>registered_model_name=</code> of a${" "}
  <code>log_model</code>, makes a version.</p><//>`;

const NoPrompts = () => html`<${Empty} title="No prompts are registered.">
  <p><code>mlflow.genai.register_prompt(name=..., template=...)</code> makes a version.</p><//>`;

function Logged() {
  const { find = "", offset = "" } = route.value.query;
  const start = Math.max(Number(offset) || 0, 0);
  const filter = find.trim() ? `attributes.name ILIKE '%${find.trim().replaceAll("'", "''")}%'` : "";
  const asked = useData(["logged-models", filter, start], (options) =>
    get("logged-models", { filter, offset: start, limit: ROWS }, options),
  );
  useLive((stream) => stream.startsWith("model/"), asked.reload, 1000);
  return html`<div class="bar"><input type="search" data-focus placeholder="Find by name" aria-label="Find by name"
      value=${find} onInput=${(event) => setQuery({ find: event.target.value, offset: "" })} /></div>
    <${Loaded} asked=${asked} what="Reading models">${({ models, more, experiments, runs }) =>
      models.length || start
        ? html`<${LoggedTable} models=${models} experiments=${experiments} runs=${runs} />
        ${
          (start > 0 || more) &&
          html`<nav class="bar" aria-label="Pages of models">
          <button disabled=${!start} onClick=${() => setQuery({ offset: Math.max(start - ROWS, 0) || "" }, PUSH)}>
            Newer</button><span class="quiet">${number(start + 1)} to ${number(start + models.length)}</span>
          <button disabled=${!more} onClick=${() => setQuery({ offset: start + ROWS }, PUSH)}>Older</button></nav>`
        }`
        : find
          ? html`<${Empty} title=${`No model is called like “${find}”.`} />`
          : html`<${Empty} title="No models were logged."><p>
            <code>mlflow.sklearn.log_model(model, name="...")</code>${" "}
            and its like log a model with its files, its params and the metrics of its evaluations.</p><//>`}<//>`;
}

const PUSH = { push: true };

function LoggedTable({ models, experiments, runs }) {
  const keys = byRank([...new Set(models.flatMap((model) => Object.keys(model.metrics)))]).slice(0, 4);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Logged models"><table class="list stacked">
    <thead><tr><th>Name</th><th>Kind</th><th>State</th>
      ${keys.map((key) => html`<th class="num" key=${key}>${key}</th>`)}<th>Run</th><th>Experiment</th>
      <th class="num">Created</th></tr></thead>
    <tbody>${models.map(
      (model) => html`<tr key=${model.model_id}>
      <td class="name"><a href=${link(["logged-models", model.model_id])}><bdi>${model.name}</bdi></a></td>
      <td>${model.kind}</td><td>${model.status.toLowerCase()}</td>
      ${keys.map(
        (key) => html`<td class="num" key=${key} data-label=${key}>
        ${number(model.metrics[key])}</td>`,
      )}
      <td class="name">${
        model.run_id &&
        html`<a href=${link(["runs", model.run_id])}><bdi>${runs[model.run_id] || model.run_id}</bdi></a>`
      }</td>
      <td class="name"><a href=${link(["experiments", model.experiment_id])}>
        <bdi>${experiments[model.experiment_id] || model.experiment_id}</bdi></a></td>
      <td class="num" title=${moment(model.created)}>${ago(model.created)}</td></tr>`,
    )}</tbody></table></div>`;
}
