/** Traces of all experiments or of some: a list with filters, and the sessions that they belong to. */
import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, count, duration, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { Judgement, State } from "../parts/spans.js";
import { Empty, Loaded } from "../parts/states.js";
import { Tabs } from "../parts/tabs.js";

const ROWS = 50;
const FILTERS = [
  "trace.status = 'ERROR'",
  "trace.execution_time_ms > 1000",
  "span.type = 'TOOL' AND span.status = 'ERROR'",
  "metadata.`mlflow.trace.user` = 'ada'",
  "tag.release = '1.2'",
  "feedback.helpful = 'true'",
];
const OPERATOR = /[=<>]|\b(LIKE|ILIKE|RLIKE|IN|IS|BETWEEN)\b/i;
const SESSION = "metadata.`mlflow.trace.session`";

/** Plain words are looked for in all that a trace holds; anything else is a filter. */
export const filterOf = (text) =>
  !text.trim() || OPERATOR.test(text) ? text : `trace.text ILIKE '%${text.trim().replaceAll("'", "''")}%'`;

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

const TABS = [
  ["", "Traces"],
  ["sessions", "Sessions"],
];

export function Traces() {
  const { experiment = "", view = "" } = route.value.query;
  const experiments = useData(["experiments"], (options) => get("experiments", {}, options));
  return html`<main>
    <h1>Traces</h1>
    <div class="bar"><label>experiment <select value=${experiment}
      onChange=${(event) => setQuery({ experiment: event.target.value, offset: "" }, { push: true })}>
      <option value="">all</option>
      ${(experiments.data?.experiments || []).map(
        (each) => html`<option key=${each.experiment_id} value=${each.experiment_id}
        selected=${each.experiment_id === experiment}>${each.name}</option>`,
      )}</select></label>
      ${experiment && html`<a href=${link(["experiments", experiment])}>Runs of this experiment</a>`}</div>
    <${Tabs} label="Traces or sessions" tabs=${TABS} path=${["traces"]} by="view" shown=${view}
      query=${{ experiment }} />
    ${
      view === "sessions"
        ? html`<${Sessions} experiment=${experiment} />`
        : html`<${List} key=${experiment} experiment=${experiment} />`
    }
  </main>`;
}

function List({ experiment }) {
  const { filter = "", offset = "" } = route.value.query;
  const start = Math.max(Number(offset) || 0, 0);
  const fields = { filter: filterOf(filter), offset: start, limit: ROWS };
  const asked = useData(["traces", experiment, filter, start], (options) =>
    get("traces", { ...fields, experiment_ids: experiment ? [experiment] : [] }, options),
  );
  useLive((stream) => stream.startsWith("trace/"), asked.reload, 1000);
  return html`
    <${Filter} filter=${filter} />
    <${Loaded} asked=${asked} what="Reading traces">${(data) =>
      data.traces.length
        ? html`<${Table} ...${data} experiment=${experiment} />
          <${Pages} start=${start} shown=${data.traces.length} more=${data.more} />`
        : filter || start
          ? html`<${Empty} title="No trace matches."><button onClick=${() => setQuery({ filter: "", offset: "" })}>
            Show all</button><//>`
          : html`<${None} />`}<//>`;
}

export const None = () => html`<${Empty} title="No traces were logged.">
  <p>A function with <code>@mlflow.trace</code>, <code>mlflow.start_span(...)</code>, an${" "}
  <code>autolog()</code> of MLflow, or OpenTelemetry at <code>/v1/traces</code> puts traces here.</p><//>`;

function Filter({ filter }) {
  const [text, setText] = useState(filter);
  const apply = (value) => {
    setText(value);
    setQuery({ filter: value, offset: "" }, { push: true });
  };
  return html`<form class="bar" onSubmit=${(event) => {
    event.preventDefault();
    apply(text);
  }}>
    <div class="grow"><input type="search" data-focus value=${text} aria-label="Words, or a filter"
      placeholder="Words, or a filter such as trace.status = 'ERROR'" list="trace-filters"
      onInput=${(event) => (event.target.value ? setText(event.target.value) : apply(""))} /></div>
    <datalist id="trace-filters">${FILTERS.map((each) => html`<option key=${each} value=${each} />`)}</datalist>
    <button>Find</button>
    <button type="button" aria-pressed=${filter === FILTERS[0]}
      onClick=${() => apply(filter === FILTERS[0] ? "" : FILTERS[0])}>Errors</button>
  </form>`;
}

const Pages = ({ start, shown, more }) =>
  (start > 0 || more) &&
  html`<nav class="bar" aria-label="Pages of traces">
    <button disabled=${start === 0} onClick=${() => setQuery({ offset: Math.max(start - ROWS, 0) || "" }, PUSH)}>
      Newer</button>
    <span class="quiet">${number(start + 1)} to ${number(start + shown)}</span>
    <button disabled=${!more} onClick=${() => setQuery({ offset: start + ROWS }, PUSH)}>Older</button></nav>`;

const PUSH = { push: true };

export const Table = ({ traces, experiments = {}, experiment = "" }) => html`
  <div class="scroll" tabindex="0" role="region" aria-label="Traces"><table class="list stacked">
    <thead><tr><th>Request</th><th>State</th><th class="num">When</th><th class="num">Duration</th>
      <th class="num">Tokens</th><th class="num wide">Spans</th><th>Session</th><th>Assessments</th>
      ${!experiment && html`<th>Experiment</th>`}</tr></thead>
    <tbody>${traces.map(
      (trace) => html`<tr key=${trace.trace_id}>
      <td class="name"><a class="clipped" href=${link(["traces", trace.trace_id])} title=${trace.request}>
        <bdi>${brief(trace.request) || trace.name || trace.trace_id}</bdi></a>
        ${trace.request && trace.name && html`<small class="quiet">${trace.name}</small>`}</td>
      <td><${State} state=${trace.state} /></td>
      <td class="num" title=${moment(trace.request_time)}>${ago(trace.request_time)}</td>
      <td class="num">${duration(trace.duration)}</td><td class="num" data-label="tokens">${number(trace.tokens)}</td>
      <td class="num wide">${number(trace.span_count)}</td>
      <td>${trace.session && html`<${SessionLink} session=${trace.session} experiment=${trace.experiment_id} />`}</td>
      <td>${trace.judgements.map((each) => html`<${Judgement} ...${each} />`)}</td>
      ${
        !experiment &&
        html`<td class="name"><a href=${link(["traces"], { experiment: trace.experiment_id })}>
        <bdi>${experiments[trace.experiment_id] || trace.experiment_id}</bdi></a></td>`
      }</tr>`,
    )}</tbody></table></div>`;

const SessionLink = ({ session, experiment }) => html`<a class="clipped"
  href=${link(["traces"], { experiment, filter: `${SESSION} = ${quoted(session)}` })}><bdi>${session}</bdi></a>`;

/** The text of a request: of an object with a single text in it, that text. */
function brief(request) {
  try {
    const texts = Object.values(JSON.parse(request)).filter((value) => typeof value === "string");
    return texts[0] || request;
  } catch {
    return request;
  }
}

function Sessions({ experiment }) {
  const asked = useData(["sessions", experiment], (options) =>
    get("sessions", { experiment_ids: experiment ? [experiment] : [] }, options),
  );
  useLive((stream) => stream.startsWith("trace/"), asked.reload, 5000);
  return html`<${Loaded} asked=${asked} what="Gathering sessions">${({ sessions, more }) =>
    sessions.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="Sessions"><table class="list stacked">
      <thead><tr><th>Session</th><th>Begins with</th><th>User</th><th class="num">Traces</th><th class="num">Errors</th>
        <th class="num">Tokens</th><th class="num">Lasted</th><th class="num">Last active</th></tr></thead>
      <tbody>${sessions.map(
        (each) => html`<tr key=${each.session}>
        <td><${SessionLink} session=${each.session} experiment=${each.experiment_id} /></td>
        <td class="name"><span class="clipped"><bdi>${brief(each.request)}</bdi></span></td>
        <td><bdi>${each.user}</bdi></td>
        <td class="num" data-label="traces">${number(each.traces)}</td>
        <td class="num" data-label="errors">${each.errors ? number(each.errors) : ""}</td>
        <td class="num" data-label="tokens">${each.tokens ? number(each.tokens) : ""}</td>
        <td class="num">${duration(each.last_ms - each.first_ms)}</td>
        <td class="num" title=${moment(each.last_ms)}>${ago(each.last_ms)}</td></tr>`,
      )}</tbody></table></div>
      <p class="quiet">${count(sessions.length, "session")}${more ? " of the newest 2,000 traces" : ""}.</p>`
      : html`<${Empty} title="No trace names a session.">
        <p><code>mlflow.update_current_trace(metadata={"mlflow.trace.session": ...})</code> puts a trace into one.</p>
        <//>`}<//>`;
}
