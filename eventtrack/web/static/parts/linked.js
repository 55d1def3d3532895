/** What a run read, made and caused: datasets, logged models and traces, each with the way to its page. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { duration, moment } from "../lib/format.js";
import { link } from "../lib/route.js";
import { State } from "./spans.js";
import { Loaded } from "./states.js";

const TRACES = 20;

/** @param {{ids: string[]}} props logged models by their ids */
export function Models({ ids }) {
  const asked = useData(["models", ids], (options) =>
    Promise.all([...new Set(ids)].map((id) => get("logged-model", { model_id: id }, options))),
  );
  return html`<${Loaded} asked=${asked}>${(models) => html`<table class="list">
    <thead><tr><th>Name</th><th>Kind</th><th>State</th><th>Registered as</th></tr></thead><tbody>${models.map(
      (model) => html`<tr key=${model.model_id}>
      <td class="name"><a href=${link(["logged-models", model.model_id])}><bdi>${model.name}</bdi></a></td>
      <td>${model.kind}</td><td>${model.status.toLowerCase()}</td><td class="name">${model.versions.map(
        ({ name, version }) => html`<a key=${`${name}/${version}`} href=${link(["models", name])}>
        <bdi>${name}</bdi> v${version}</a> `,
      )}</td></tr>`,
    )}</tbody></table>`}<//>`;
}

export const Datasets = ({ inputs }) => html`
  <table class="list"><tbody>${inputs.map(
    ({ dataset, tags }) => html`<tr>
    <td class="name"><a href=${link(["data", dataset.digest])}><bdi>${dataset.name}</bdi></a></td>
    <td>${tags.map((tag) => tag.value).join(", ")}</td><td class="mono">${dataset.digest}</td></tr>`,
  )}</tbody></table>`;

/** The traces of a run in its experiments; nothing where there are none. */
export function Traces({ info, experiments }) {
  const filter = `attributes.run_id = '${info.run_id}'`;
  const asked = useData(["traces", info.run_id], (options) =>
    get("traces", { experiment_ids: experiments, filter, limit: TRACES }, options),
  );
  if (!asked.data?.traces.length) return null;
  return html`<section><h2>Traces</h2><table class="list"><thead><tr><th>Trace</th><th>State</th><th>Began</th>
    <th class="num">Duration</th></tr></thead><tbody>${asked.data.traces.map(
      (trace) => html`<tr key=${trace.trace_id}>
    <td class="name"><a href=${link(["traces", trace.trace_id])}><bdi>${trace.name || trace.trace_id}</bdi></a></td>
    <td><${State} state=${trace.state} /></td><td class="nowrap">${moment(trace.request_time)}</td>
    <td class="num">${duration(trace.duration)}</td></tr>`,
    )}</tbody></table>
    ${asked.data.more && html`<p><a href=${link(["traces"], { filter })}>All traces of this run</a></p>`}</section>`;
}
