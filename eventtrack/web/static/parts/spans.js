/** The spans of a trace: a tree with a bar of time for each, walked with arrows; and what a span holds. */
import { html, useLayoutEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { number } from "../lib/format.js";
import { Loaded } from "./states.js";
import { Value } from "./value.js";

// Rows that are drawn before somebody asks for more.
const ROWS = 400;
const WORDS = { OK: "ok", ERROR: "error", IN_PROGRESS: "in progress", UNSET: "unset", STATE_UNSPECIFIED: "unknown" };
const STATUS = { OK: "FINISHED", ERROR: "FAILED", IN_PROGRESS: "RUNNING" };

export const State = ({ state }) =>
  html`<span class="status" data-status=${STATUS[state]}><i aria-hidden="true"></i>${WORDS[state] || state}</span>`;

export const Judgement = ({ name, value }) => html`<span class="tag" title=${JSON.stringify(value)}>
  <bdi>${name}: ${typeof value === "string" ? value.slice(0, 40) : JSON.stringify(value)}</bdi></span>`;

/** A stretch of time of a span, in the unit that suits it. */
export function lasting(ns) {
  if (ns === null) return "";
  if (ns < 1e6) return `${number(Math.round(ns / 1e3))} µs`;
  return ns < 1e9
    ? `${number(Number((ns / 1e6).toPrecision(3)))} ms`
    : `${number(Number((ns / 1e9).toPrecision(3)))} s`;
}

/** The spans in order of the tree, each with its depth; spans of a parent that is not there are roots. */
export function treeOf(spans) {
  const begun = spans.reduce(
    (least, span) => (BigInt(span.start_ns) < least ? BigInt(span.start_ns) : least),
    spans.length ? BigInt(spans[0].start_ns) : 0n,
  );
  const known = new Map(
    spans.map((span) => [
      span.span_id,
      {
        ...span,
        start: Number(BigInt(span.start_ns) - begun),
        length: span.end_ns === null ? null : Number(BigInt(span.end_ns) - BigInt(span.start_ns)),
        children: [],
      },
    ]),
  );
  const roots = [];
  for (const span of known.values()) (known.get(span.parent_id)?.children || roots).push(span);
  const ordered = [];
  const seen = new Set();
  const stack = [...roots].reverse().map((span) => [span, 1]);
  // A ring of parents has no root: what was not reached stands at the end.
  const rest = [...known.values()].reverse().map((span) => [span, 1]);
  for (const walk of [stack, rest])
    while (walk.length) {
      const [span, depth] = walk.pop();
      if (seen.has(span.span_id)) continue;
      seen.add(span.span_id);
      ordered.push({ ...span, depth });
      for (const child of [...span.children].reverse()) walk.push([child, depth + 1]);
    }
  return ordered;
}

/** @param {{spans: object[], chosen: string, onChoose: (id: string) => void}} props */
export function Spans({ spans, chosen, onChoose }) {
  const ordered = useMemo(() => treeOf(spans), [spans]);
  const [closed, setClosed] = useState(new Set());
  const [shown, setShown] = useState(ROWS);
  const box = useRef();
  const moved = useRef(false);
  const end = ordered.reduce((most, span) => Math.max(most, span.start + (span.length || 0)), 1);
  const rows = [];
  let below = Infinity;
  for (const span of ordered) {
    if (span.depth > below) continue;
    below = closed.has(span.span_id) ? span.depth : Infinity;
    rows.push(span);
  }
  const place = Math.max(
    rows.findIndex((span) => span.span_id === chosen),
    0,
  );
  useLayoutEffect(() => {
    if (moved.current) box.current.querySelector('[tabindex="0"]')?.focus();
    moved.current = false;
  }, [chosen]);
  const fold = (span, close) => {
    const next = new Set(closed);
    next[close ? "add" : "delete"](span.span_id);
    setClosed(next);
  };
  const keys = (event) => {
    const span = rows[place];
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -place, End: rows.length - 1 - place };
    if (event.key in steps) {
      moved.current = true;
      const next = Math.min(Math.max(place + steps[event.key], 0), rows.length - 1);
      if (next >= shown) setShown(next + ROWS);
      onChoose(rows[next].span_id);
    } else if (event.key === "ArrowRight" && span.children.length) fold(span, false);
    else if (event.key === "ArrowLeft" && span.children.length) fold(span, true);
    else return;
    event.preventDefault();
  };
  return html`<div class="spans" role="tree" aria-label="Spans" ref=${box} onKeyDown=${keys}>
    ${rows.slice(0, shown).map(
      (span, at) => html`<${Row} key=${span.span_id} span=${span} end=${end} chosen=${at === place}
      open=${!closed.has(span.span_id)} onChoose=${() => onChoose(span.span_id)}
      onFold=${(close) => fold(span, close)} />`,
    )}
    ${
      rows.length > shown &&
      html`<button onClick=${() => setShown(shown + ROWS)}>${number(rows.length - shown)} more spans</button>`
    }</div>`;
}

function Row({ span, end, chosen, open, onChoose, onFold }) {
  const from = (span.start / end) * 100;
  const width = Math.max(((span.length ?? end - span.start) / end) * 100, 0.4);
  const many = span.children.length;
  return html`<div role="treeitem" class="row" aria-level=${span.depth} aria-selected=${chosen}
    aria-expanded=${many ? open : undefined} tabindex=${chosen ? 0 : -1} onClick=${onChoose}>
    <span class="label" style=${{ paddingLeft: `${Math.min(span.depth - 1, 16) * 14}px` }}>
      <i class="twig" aria-hidden="true" onClick=${(event) => {
        if (many) event.stopPropagation();
        if (many) onFold(open);
      }}>${many ? (open ? "▾" : "▸") : ""}</i>
      ${span.status === "ERROR" && html`<b class="changed" title="error">!</b>`}
      <bdi>${span.name}</bdi> <small class="quiet">${span.kind.toLowerCase().replaceAll("_", " ")}</small></span>
    <span class="track" aria-hidden="true"><i data-status=${span.status} data-open=${span.length === null}
      style=${{ left: `${Math.min(from, 99.6)}%`, width: `${Math.min(width, 100 - from)}%` }}></i></span>
    <span class="num quiet">${span.length === null ? "runs" : lasting(span.length)}</span></div>`;
}

const INPUTS = "mlflow.spanInputs";
const OUTPUTS = "mlflow.spanOutputs";
// Shown in the head of the span, or of no use to a reader.
const HIDDEN = [INPUTS, OUTPUTS, "mlflow.spanType", "mlflow.traceRequestId", "mlflow.spanLogLevel"];

/** What a span took, gave, and met. */
export function SpanBody({ traceId, span }) {
  const asked = useData(["span", traceId, span.span_id, span.end_ns], (options) =>
    get("span", { trace_id: traceId, span_id: span.span_id }, options),
  );
  return html`<section class="span" aria-label="The chosen span">
    <h2><bdi>${span.name}</bdi> <small class="quiet">${span.kind.toLowerCase().replaceAll("_", " ")}</small></h2>
    <p class="quiet"><${State} state=${span.end_ns === null ? "IN_PROGRESS" : span.status} />
      ${span.length !== null && html` · ${lasting(span.length)}`} · begins at ${lasting(span.start)}
      ${span.tokens !== null && html` · ${number(span.tokens)} tokens`}${" · "}
      <span class="mono">${span.span_id}</span></p>
    <${Loaded} asked=${asked} what="Reading the span">${(body) => html`<${Body} ...${body} />`}<//></section>`;
}

function Body({ attributes, events, status }) {
  const others = Object.fromEntries(Object.entries(attributes).filter(([key]) => !HIDDEN.includes(key)));
  const raised = events.filter(isException);
  const happened = events.filter((event) => !isException(event));
  const part = (title, key) =>
    attributes[key] !== undefined &&
    attributes[key] !== null &&
    html`<h3>${title}</h3><${Value} value=${attributes[key]} name=${title} />`;
  return html`
    ${status?.message && !raised.length && html`<p class="problem">${status.message}</p>`}
    ${raised.map((event) => html`<${Exception} fields=${event.attributes || {}} />`)}
    ${part("Inputs", INPUTS)}${part("Outputs", OUTPUTS)}
    ${Object.keys(others).length > 0 && html`<h3>Attributes</h3><${Value} value=${others} name="Attributes" />`}
    ${happened.length > 0 && html`<h3>Events</h3><${Value} value=${happened} name="Events" />`}
    ${
      attributes[INPUTS] === undefined &&
      attributes[OUTPUTS] === undefined &&
      html`<p class="quiet">The span has no inputs and no outputs.</p>`
    }`;
}

const isException = (event) => event?.name === "exception";

const Exception = ({ fields }) => html`<div class="state failed">
  <p><strong>${fields["exception.type"]}: ${fields["exception.message"]}</strong></p>
  ${
    fields["exception.stacktrace"] &&
    html`<details><summary>Traceback</summary><pre class="output" tabindex="0">${fields["exception.stacktrace"]}</pre>
    </details>`
  }</div>`;
