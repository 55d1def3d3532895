/** One trace: its spans as a tree over time, what the chosen span took and gave, assessments, tags. */
import { html, useMemo } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, count, duration, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { SpanBody, Spans, State, treeOf } from "../parts/spans.js";
import { Empty, Loaded } from "../parts/states.js";
import { Value } from "../parts/value.js";

export function Trace({ traceId }) {
  const asked = useData(["trace", traceId], (options) => get("trace", { trace_id: traceId }, options));
  useLive((stream) => stream === `trace/${traceId}`, asked.reload, 500);
  return html`<main><${Loaded} asked=${asked} what="Reading the trace">
    ${(trace) => html`<${Shown} trace=${trace} />`}<//></main>`;
}

function Shown({ trace }) {
  const { span = "" } = route.value.query;
  const ordered = useMemo(() => treeOf(trace.spans), [trace.spans]);
  const chosen = ordered.find((each) => each.span_id === span) || ordered[0];
  const experiment = trace.experiment_id;
  const name = trace.name || ordered[0]?.name || trace.trace_id;
  useTitle(name, "trace", trace.experiments[experiment]);
  return html`
    <div class="crumbs"><a href=${link(["traces"])}>Traces</a> / <a href=${link(["traces"], { experiment })}>
      <bdi>${trace.experiments[experiment] || experiment}</bdi></a> /</div>
    <h1><bdi>${name}</bdi></h1>
    <${Facts} trace=${trace} />
    ${!trace.complete && html`<p class="noted">Some spans have not come yet.</p>`}
    ${
      chosen
        ? html`<div class="trace"><${Spans} spans=${trace.spans} chosen=${chosen.span_id}
          onChoose=${(id) => setQuery({ span: id })} />
        <${SpanBody} key=${chosen.span_id} traceId=${trace.trace_id} span=${chosen} /></div>`
        : html`<${Empty} title="No spans of this trace have come."><p>Its program reports the trace first, and its
          spans behind it.</p><//>`
    }
    <div class="columns">
      <section><h2>Assessments</h2><${Assessments} all=${trace.assessments} /></section>
      <section><h2>Tags</h2><${Texts} texts=${trace.tags} none="No tags." /></section>
      <section><h2>Metadata</h2><${Texts} texts=${trace.metadata} none="No metadata." /></section>
    </div>`;
}

const Facts = ({ trace }) => html`<p class="summary">
  <${State} state=${trace.state} /><span title=${moment(trace.request_time)}>${ago(trace.request_time)}</span>
  ${trace.duration !== null && html`<span>${duration(trace.duration)}</span>`}
  ${trace.tokens !== null && html`<span>${number(trace.tokens)} tokens</span>`}
  <span>${count(trace.span_count, "span")}</span>
  ${
    trace.session &&
    html`<span>session <a href=${link(["traces"], {
      experiment: trace.experiment_id,
      filter: `metadata.\`mlflow.trace.session\` = '${trace.session.replaceAll("'", "''")}'`,
    })}><bdi>${trace.session}</bdi></a></span>`
  }
  ${trace.user && html`<span>user <bdi>${trace.user}</bdi></span>`}
  ${Object.entries(trace.runs).map(
    ([id, name]) => html`<span key=${id}>run <a href=${link(["runs", id])}><bdi>${name || id}</bdi></a></span>`,
  )}
  <span class="mono">${trace.trace_id}</span></p>`;

const Assessments = ({ all }) =>
  all.length
    ? html`<table class="list"><thead><tr><th>Name</th><th>Value</th><th>By</th><th>When</th></tr></thead>
      <tbody>${all.map(
        (each) => html`<tr key=${each.assessment_id} class=${each.valid ? "" : "quiet"}>
        <td><bdi>${each.name}</bdi> <small class="quiet">${each.kind}</small>
          ${!each.valid && html`<small> replaced</small>`}</td>
        <td class="value">${
          each.error
            ? html`<span class="changed">${each.error.error_code}: ${each.error.error_message}</span>`
            : typeof each.value === "object"
              ? html`<${Value} value=${each.value} name=${each.name} />`
              : String(each.value)
        }${each.rationale && html`<div class="quiet">${each.rationale}</div>`}</td>
        <td>${String(each.source_type).toLowerCase()} <bdi>${each.source_id}</bdi></td>
        <td class="nowrap">${moment(each.create_time_ms)}</td></tr>`,
      )}</tbody></table>`
    : html`<p class="quiet">Nobody judged this trace. <code>mlflow.log_feedback(trace_id=...)</code> does.</p>`;

const Texts = ({ texts, none }) =>
  Object.keys(texts).length
    ? html`<table class="list"><tbody>${Object.entries(texts).map(
        ([key, value]) =>
          html`<tr key=${key}><td class="name"><bdi>${key}</bdi></td><td class="value">${
            value.length > 300 ? html`<details><summary>${value.slice(0, 80)} …</summary>${value}</details>` : value
          }</td></tr>`,
      )}</tbody></table>`
    : html`<p class="quiet">${none}</p>`;
