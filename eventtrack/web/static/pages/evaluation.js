/** An evaluation dataset: its records with inputs, outputs and expectations. */
import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, count, moment } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { link } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { Empty, Loaded } from "../parts/states.js";
import { Value } from "../parts/value.js";

export function Evaluation({ datasetId }) {
  const [pages, setPages] = useState([""]);
  const asked = useData(["evaluation", datasetId, pages], (options) =>
    get("evaluation", { dataset_id: datasetId, page_token: pages.at(-1) }, options),
  );
  useLive((stream) => stream === `dataset/${datasetId}`, asked.reload, 1000);
  useTitle(asked.data?.name || datasetId, "evaluation dataset");
  return html`<main>
    <div class="crumbs"><a href=${link(["data"], { view: "evaluation" })}>Evaluation datasets</a> /</div>
    <${Loaded} asked=${asked} what="Reading the dataset">${(data) => html`
      <h1><bdi>${data.name}</bdi></h1>
      <p class="summary"><span>${count(data.profile?.num_records ?? 0, "record")}</span>
        <span title=${moment(data.updated)}>changed ${ago(data.updated)}</span>
        ${data.created_by && html`<span>made by <bdi>${data.created_by}</bdi></span>`}
        ${data.experiment_ids.map(
          (id) => html`<a key=${id} href=${link(["experiments", id])}><bdi>${data.experiments[id] || id}</bdi></a>`,
        )}
        ${Object.entries(data.tags).map(
          ([key, value]) => html`<span class="tag" key=${key}><bdi>${key}: ${value}</bdi></span>`,
        )}<span class="mono">${data.dataset_id}</span></p>
      ${data.records.length ? html`<${Records} records=${data.records} />` : html`<${None} />`}
      ${
        (data.next || pages.length > 1) &&
        html`<nav class="bar" aria-label="Pages of records">
        <button disabled=${pages.length < 2} onClick=${() => setPages(pages.slice(0, -1))}>Before</button>
        <button disabled=${!data.next} onClick=${() => setPages([...pages, data.next])}>Next</button></nav>`
      }`}<//></main>`;
}

const PARTS = ["Inputs", "Outputs", "Expectations"];

const None = () => html`<${Empty} title="The dataset has no records.">
  <p><code>dataset.merge_records([{"inputs": {...}, "expectations": {...}}])</code> puts some in.</p><//>`;

const Records = ({ records }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Records">
  <table class="list stacked"><thead><tr><th>Inputs</th><th>Outputs</th><th>Expectations</th><th>From</th>
    <th class="num">Made</th></tr></thead>
  <tbody>${records.map(
    (each, place) => html`<tr key=${each.id}>
    ${[each.inputs, each.outputs, each.expectations].map(
      (value, at) =>
        html`<td class="value" key=${at} data-label=${PARTS[at].toLowerCase()}>${
          isFilled(value) && html`<${Value} value=${value} name=${`${PARTS[at]} of record ${place + 1}`} />`
        }</td>`,
    )}
    <td><${Source} source=${each.source} /></td>
    <td class="num" title=${moment(each.created)}>${ago(each.created)}</td></tr>`,
  )}</tbody></table></div>`;

const isFilled = (value) => value !== null && (typeof value !== "object" || Object.keys(value).length > 0);

function Source({ source }) {
  const trace = source?.source_data?.trace_id;
  if (typeof trace === "string") return html`<a href=${link(["traces", trace])}>trace</a>`;
  return String(source?.source_type || "").toLowerCase();
}
