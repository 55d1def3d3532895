/** The log as it is: every event, the newest first. */
import { Fragment, html, useLayoutEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { moment } from "../lib/format.js";
import { Author } from "../parts/history.js";
import { Counts, NoEffect, reason } from "../parts/skipped.js";
import { Empty, Loaded } from "../parts/states.js";
import { Because } from "../parts/why.js";

const KINDS = [
  "",
  "experiment.",
  "run.",
  "run.metric",
  "run.params_logged",
  "run.tags_set",
  "run.artifacts_logged",
  "model.",
  "registered.",
  "trace.",
  "session.",
  "malformed",
  "damaged",
];

// The body of an envelope that says nothing, for it is skipped.
const NOTHING = "{}";

export function Log() {
  const { type = "", stream = "", before = "" } = route.value.query;
  const asked = useData(["log", type, stream, before], (options) =>
    get("log", { type, stream, before, limit: 200 }, options),
  );
  useLive(() => !before, asked.reload, 1000);
  return html`
    <main>
      <h1>Log</h1>
      <p class="quiet">Every event, the newest first, as it is on disk. What has arrived was checked against
        its checksum and joined to its feed's Merkle tree when it was
        written; <code>eventtrack verify
          </code> proves the whole log and every signed head anew.</p>
      <div class="bar">
        <label class="check">events <select value=${type}
          onChange=${(event) => setQuery({ type: event.target.value, before: "" }, { push: true })}>
          ${[...new Set([...KINDS, type])].map(
            (kind) => html`<option value=${kind}>
            ${kind ? `${kind}${kind.endsWith(".") ? "*" : ""}` : "of all types"}</option>`,
          )}</select></label>
        <${Stream} stream=${stream} />
        ${before && html`<button onClick=${() => setQuery({ before: "" }, { push: true })}>Newest</button>`}
      </div>
      <${Loaded} asked=${asked} what="Reading the log">${(data) => html`<${Events} data=${data} />`}<//>
    </main>
  `;
}

function Stream({ stream }) {
  const [text, setText] = useState(stream);
  useLayoutEffect(() => setText(stream), [stream]);
  const send = (event) => {
    event.preventDefault();
    setQuery({ stream: text.trim(), before: "" }, { push: true });
  };
  return html`<form onSubmit=${send}>
    <input type="search" data-focus placeholder="run/… or experiment/…" aria-label="Only of the stream"
      value=${text}
    onInput=${(event) => setText(event.target.value)} onSearch=${send} /></form>`;
}

function Events({ data }) {
  if (!data.events.length && !data.before)
    return html`<${Empty} title="No such events.">
      <button onClick=${() => setQuery({ type: "", stream: "" }, { push: true })}>Show all</button><//>`;
  return html`
    <div class="scroll" tabindex="0"><table class="list events">
      <thead><tr><th>Address</th><th>Recorded</th><th>Type</th><th>Stream</th><th>Content</th>
        <th>Author</th></tr></thead>
      <tbody>${data.events.map((event) => html`<${Event} key=${event.address} event=${event} />`)}
      </tbody>
    </table></div>
    ${
      data.before &&
      html`<p>
      <button onClick=${() => {
        setQuery({ before: data.before }, { push: true });
        scrollTo(0, 0);
      }}>Older events</button></p>`
    }
  `;
}

function Event({ event }) {
  const [open, setOpen] = useState(false);
  return html`<${Fragment}><tr>
        <td class="mono nowrap">
          <button class="plain" aria-expanded=${open} aria-label=${`All of the event ${event.address}`}
          onClick=${() => setOpen(!open)}>${open ? "▾" : "▸"}</button>${event.address}</td><td class="quiet nowrap">
          ${moment(event.recorded_ms)}${event.effective_ms && html`<br /><${Counts} event=${event} />`}</td>
        <td>${event.type}</td>
        <td class="mono"><a href=${addressOf(event.stream)}>
          ${event.stream.slice(0, 16)}${event.stream.length > 16 ? "…" : ""}</a></td>
        <td class="value mono"><${NoEffect} event=${event} />${reason(event) && " "}${
          event.body !== NOTHING && html`${event.body.slice(0, 240)}${event.body.length > 240 ? "…" : ""}`
        } <${Because} reason=${event.reason} /></td>
        <td class="author quiet"><${Author} author=${event.author} /></td></tr>
      ${
        open &&
        html`<tr><td colspan="6"><dl class="facts"><dt>Stream</dt><dd class="mono">
          ${event.stream} <a href=${link(["log"], { stream: event.stream })}>all its events</a></dd>
        <dt>Feed</dt><dd class="mono">
          ${event.replica}, index ${event.index}${event.recorded_here ? "" : " (of another machine)"}</dd>
        ${
          event.arrived_ms &&
          html`<dt>Arrived</dt><dd>
          ${moment(event.arrived_ms)}</dd>`
        }${event.cause && html`<dt>Answers</dt><dd class="mono">${event.cause}</dd>`}
        ${
          event.effective_ms &&
          html`<dt>Counts</dt><dd>
          as of ${moment(event.effective_ms)}: it was decided after an event whose time lies ahead, and comes after that
          one</dd>`
        }
        ${
          event.skipped &&
          html`<dt>No effect</dt><dd>
          ${event.skipped.kind}: ${event.skipped.what}. <a href=${link(["sync"], { at: "" })}>What to do</a></dd>`
        }
        <dt>Author</dt><dd><${Author} author=${event.author} /></dd></dl>${
          event.body !== NOTHING && html`<pre tabindex="0">${pretty(event.body)}</pre>`
        }</td></tr>`
      }<//>`;
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body; // cut, for it is long
  }
}

function addressOf(stream) {
  const [kind, id] = stream.split("/");
  if (kind === "run") return link(["runs", id], { tab: "history" });
  if (kind === "experiment") return link(["experiments", id]);
  return link(["log"], { stream });
}
