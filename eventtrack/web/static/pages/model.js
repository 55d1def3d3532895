/** One registered model: its versions, where they came from, and who moved which alias or stage when. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { Markdown } from "../lib/markdown.js";
import { link, route } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { History } from "../parts/history.js";
import { Empty, Loaded } from "../parts/states.js";
import { Aliases } from "./models.js";
import { Tabs } from "../parts/tabs.js";

export function Model({ name }) {
  const asked = useData(["model", name], (options) => get("model", { name }, options));
  useLive((stream) => stream === asked.data?.stream, asked.reload, 500);
  return html`<main><${Loaded} asked=${asked} what="Reading the model">
    ${(model) => html`<${Shown} model=${model} />`}<//></main>`;
}

function Shown({ model }) {
  useTitle(model.name, "model");
  const { tab = "" } = route.value.query;
  const tabs = [
    ["", `Versions (${model.versions.length})`],
    ["history", "History"],
  ];
  return html`
    <div class="crumbs"><a href=${link(["models"])}>Models</a> /</div>
    <h1><bdi>${model.name}</bdi></h1>
    <p class="summary"><span title=${moment(model.created)}>created ${ago(model.created)}</span>
      <span title=${moment(model.updated)}>changed ${ago(model.updated)}</span>
      <${Aliases} aliases=${Object.entries(model.aliases)} />
      ${Object.entries(model.tags).map(
        ([key, value]) => html`<span class="tag" key=${key}><bdi>${key}: ${value}</bdi></span>`,
      )}</p>
    ${model.description && html`<div class="note"><${Markdown} text=${model.description} /></div>`}
    <${Tabs} label="Parts of the model" tabs=${tabs} path=${["models", model.name]} by="tab" shown=${tab} />
    ${
      tab === "history"
        ? html`<${History} subject=${`models:/${model.name}`} stream=${model.stream} />`
        : model.versions.length
          ? html`<${Versions} versions=${model.versions} runs=${model.runs} />`
          : html`<${Empty} title="The model has no versions."><p><code>mlflow.register_model("models:/MODEL_ID",
            "${model.name}")</code> makes the first.</p><//>`
    }`;
}

/** @param {{versions: object[], runs: Record<string, string>, named?: boolean}} props `named`: of several models */
export const Versions = ({ versions, runs, named = false }) => html`
  <div class="scroll" tabindex="0" role="region" aria-label="Versions"><table class="list stacked">
    <thead><tr><th>Version</th><th>Aliases</th><th>Stage</th><th>From</th><th>Description and tags</th><th>By</th>
      <th class="num">Created</th></tr></thead>
    <tbody>${versions.map(
      (each) => html`<tr key=${`${each.name}/${each.version}`}>
      <td>${
        named
          ? html`<a href=${link(["models", each.name])}><bdi>${each.name}</bdi> v${each.version}</a>`
          : html`<strong>v${number(each.version)}</strong>`
      }</td>
      <td><${Aliases} aliases=${each.aliases.map((alias) => [alias])} /></td>
      <td>${each.stage !== "None" && html`<span class="tag">${each.stage}</span>`}</td>
      <td class="name"><${From} version=${each} runs=${runs} /></td>
      <td class="value">${each.description}${Object.entries(each.tags).map(
        ([key, value]) => html` <span class="tag" key=${key}><bdi>${key}: ${value.slice(0, 200)}</bdi></span>`,
      )}</td>
      <td><bdi>${each.user}</bdi></td>
      <td class="num" title=${moment(each.created)}>${ago(each.created)}</td></tr>`,
    )}</tbody></table></div>`;

/** Where a version came from: a logged model, a run, or a place of files. */
const From = ({ version, runs }) => html`
  ${version.model_id && html`<a href=${link(["logged-models", version.model_id])}>logged model</a> `}
  ${
    version.run_id &&
    html`${version.model_id ? "of " : ""}<a href=${link(["runs", version.run_id])}>
      <bdi>${runs[version.run_id] || version.run_id}</bdi></a>`
  }
  ${!version.model_id && !version.run_id && html`<span class="mono">${version.source}</span>`}`;
