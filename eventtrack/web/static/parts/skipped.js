/** What is kept and has no effect, and what counts by another time than its own: in words. */
import { html, signal } from "../lib/ui.js";
import { count, moment, number } from "../lib/format.js";
import { link } from "../lib/route.js";

/** How many envelopes have no effect, by kind; kept by the bar of time, which asks anyway. */
export const skips = signal({});

const REASONS = {
  malformed: "not well-formed, has no effect",
  damaged: "the disk lost what it said, has no effect",
  "not folded": "this version breaks down over it, has no effect",
};

/** Why an event has no effect, in a few words; "" for one that has. */
export function reason({ skipped, known }) {
  if (skipped) return REASONS[skipped.kind];
  return known ? "" : "of a newer eventtrack, has no effect here";
}

const Reason = ({ kind, children }) => html`<span class="noted" data-kind=${kind}>${children}</span>`;

/** Marks an event without an effect; nothing for all others. */
export const NoEffect = ({ event }) =>
  reason(event) && html`<${Reason} kind=${event.skipped?.kind}>${reason(event)}<//>`;

/** The time by which an event counts, where that is not when it was recorded. */
export const Counts = ({ event }) =>
  event.effective_ms &&
  html`<span class="quiet" title="It was decided after an event whose time lies ahead, and counts after that one">
    counts as of ${moment(event.effective_ms)}</span>`;

/** In the header, while something is damaged: leads to what, and what to do. */
export function Notice() {
  const many = (skips.value.damaged ?? 0) + (skips.value["not folded"] ?? 0);
  return (
    many > 0 &&
    html`<a class="notice" href=${link(["sync"], { at: "" })}
      aria-label=${`${count(many, "envelope")} damaged: see which`}>${number(many)} damaged</a>`
  );
}

/** Texts with code in backticks. */
const Coded = ({ text }) => text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

export const who = (author) => (author ? `${author.user}@${author.host}` : "");

/** The envelopes without an effect, where there are any. */
export function Skipped({ skipped, replicas }) {
  if (!skipped.total) return null;
  const writers = new Map(replicas.map((replica) => [replica.replica, who(replica.author)]));
  return html`<section aria-label="Skipped"><h2>Skipped</h2>
    <p>${count(skipped.total, "envelope")} ${
      skipped.total === 1 ? "is" : "are"
    } kept, and ${skipped.total === 1 ? "has" : "have"} no effect.</p>
    <div class="scroll" tabindex="0"><table class="list">
      <thead><tr><th class="num">Position</th><th>Reason</th><th>Written by</th><th class="num">Index</th>
        <th>Stream</th></tr></thead>
      <tbody>${skipped.envelopes.map(
        (envelope) => html`<tr key=${envelope.position}>
        <td class="num"><a href=${link(["log"], { before: envelope.position + 1, at: "" })}>
          ${number(envelope.position)}</a></td>
        <td class="value"><${Reason} kind=${envelope.kind}>${envelope.kind}: ${REASONS[envelope.kind]}<//>
          <div class="quiet">${envelope.what}</div></td>
        <td>${writers.get(envelope.feed)}
          <div><code title=${envelope.feed}>${envelope.feed.slice(0, 12)}</code></div></td>
        <td class="num">${number(envelope.index)}</td>
        <td class="mono" title=${envelope.stream}>${envelope.stream.slice(0, 16)}</td></tr>`,
      )}</tbody></table></div>
    ${
      skipped.total > skipped.envelopes.length &&
      html`<p class="quiet">The first ${number(skipped.envelopes.length)}: <code>eventtrack check --json</code>${" "}
        names all.</p>`
    }
    <dl class="facts">${Object.entries(skipped.hints).map(
      ([kind, hint]) => html`<dt>${kind}</dt><dd><${Coded} text=${hint} /></dd>`,
    )}</dl></section>`;
}

const UNITS = [
  [86_400_000, "days"],
  [3_600_000, "hours"],
  [60_000, "minutes"],
];

function span(ms) {
  const [size, unit] = UNITS.find(([size]) => ms >= 2 * size);
  return `${number(Math.floor(ms / size))} ${unit}`;
}

/** The machines whose clocks are wrong, or this one's is, where there are any. */
export function Clocks({ replicas }) {
  const ahead = replicas.filter((replica) => replica.ahead_ms);
  return (
    ahead.length > 0 &&
    html`<section aria-label="Wrong clocks"><h2>Wrong clocks</h2>
      <ul class="wrong">${ahead.map(
        (replica) => html`<li key=${replica.replica}>
        <strong>${replica.own ? "this store" : who(replica.author) || "a machine that is not known"}</strong>${" "}
        (feed <code title=${replica.replica}>${replica.replica.slice(0, 12)}</code>) is${" "}
        <span class="noted">${span(replica.ahead_ms)} ahead</span> of this machine's clock</li>`,
      )}</ul>
      <p>The clock of the machine that wrote it is or was wrong, or this one's is. Set the clock that is wrong.
        Nothing else is needed: with its next write the machine begins a new feed, whose times are right, and what
        is decided from then on holds. What was recorded before keeps its times.</p></section>`
  );
}
