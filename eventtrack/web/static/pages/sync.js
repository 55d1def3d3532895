/** Who is in step with whom: remotes, replicas, and what two of them disagreed on. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { ago, bytes, count, moment, number } from "../lib/format.js";
import { Clocks, Skipped, who } from "../parts/skipped.js";
import { Empty, Loaded } from "../parts/states.js";
import { Verification } from "../parts/verification.js";

const PAGE = 100;

export function Sync() {
  const { skip = "0" } = route.value.query;
  const offset = Math.max(Number(skip) || 0, 0);
  const state = useData(["sync"], (options) => get("sync", { at: "" }, options), { always: true });
  const conflicts = useData(
    ["conflicts", offset],
    (options) => get("conflicts", { offset, limit: PAGE, at: "" }, options),
    { always: true },
  );
  const cluster = useData(["cluster"], (options) => get("cluster", { at: "" }, options), { always: true });
  useLive(() => true, state.reload, 3000);
  useLive(() => true, cluster.reload, 10000);
  useLive((stream) => stream.startsWith("run/"), conflicts.reload, 10000);
  return html`<main>
    <h1>Sync</h1>
    <${Loaded} asked=${state} what="Asking who is in step">${(data) => html`
      <${Forks} replicas=${data.replicas} />
      <${Skipped} skipped=${data.skipped} replicas=${data.replicas} />
      <${Clocks} replicas=${data.replicas} />
      <${Servers} asked=${cluster} />
      <section aria-label="Remotes"><h2>Remotes</h2><${Remotes} remotes=${data.remotes} now=${data.now_ms} /></section>
      <section aria-label="Replicas"><h2>Replicas</h2>
        <${Replicas} replicas=${data.replicas} now=${data.now_ms} /></section>`}<//>
    <${Verification} />
    <section aria-label="Conflicts"><h2>Conflicts</h2>
      <${Loaded} asked=${conflicts} what="Looking for conflicts">
        ${(data) => html`<${Conflicts} ...${data} offset=${offset} />`}<//></section>
  </main>`;
}

const When = ({ ms, now }) =>
  ms ? html`<span class="nowrap" title=${moment(ms)}>${ago(ms, now)}</span>` : html`<span class="quiet">never</span>`;

/** The servers and writers of the shared log, if this is one of several servers. */
function Servers({ asked }) {
  const { url, servers = [], writers = [], now_ms: now } = asked.data ?? {};
  return (
    Boolean(url) &&
    html`<section aria-label="Servers"><h2>Servers</h2>
    <p class="quiet">All answer from the shared log at <code>${url}</code>, and say every few seconds how far
      they have read it.</p>
    ${
      servers.length > 0 &&
      html`<div class="scroll" tabindex="0"><table class="list">
    <thead><tr><th>Server</th><th class="num">Read up to</th><th class="num">Behind</th><th>Last heard</th></tr></thead>
    <tbody>${servers.map(
      ({ name, place, behind, at_ms, own }) => html`<tr key=${name}><td class="mono path">${name}
        ${own && html` <strong>this server</strong>`}</td><td class="num">${number(place)}</td>
      <td class="num">${behind ? count(behind, "block") : "in step"}</td>
      <td><${When} ms=${at_ms} now=${now} /></td></tr>`,
    )}</tbody></table></div>`
    }
    ${
      writers.length > 0 &&
      html`<p class="quiet">Programs that log without a server, and what of theirs the shared log has not got yet.</p>
    <div class="scroll" tabindex="0"><table class="list">
    <thead><tr><th>Writer</th><th>Feed</th><th class="num">To publish</th><th>Last heard</th></tr></thead>
    <tbody>${writers.map(
      ({ name, feed, unpublished, at_ms }) => html`<tr key=${name}><td class="mono path">${name}</td>
      <td class="mono" title=${feed}>${feed.slice(0, 12)}</td>
      <td class="num">${unpublished ? count(unpublished, "envelope") : "nothing"}</td>
      <td><${When} ms=${at_ms} now=${now} /></td></tr>`,
    )}</tbody></table></div>`
    }</section>`
  );
}

function Forks({ replicas }) {
  const forked = replicas.filter((replica) => replica.forked);
  return (
    forked.length > 0 &&
    html`<div class="state failed" role="alert"><p><strong>
      ${
        forked.length === 1 ? "A replica's history has" : `The histories of ${forked.length} replicas have`
      } forked.</strong></p>
    ${forked.map(
      (replica) => html`<p key=${replica.replica}><code>
      ${replica.replica.slice(0, 12)}</code>: ${
        typeof replica.forked === "string"
          ? replica.forked
          : `two histories from index ${replica.forked.index ?? JSON.stringify(replica.forked)}`
      }</p>`,
    )}
    <p>Both are kept. <code>eventtrack sync</code> says what to do next.</p></div>`
  );
}

function Remotes({ remotes, now }) {
  if (!remotes.length) {
    return html`<${Empty} title="This store syncs with no other.">
      <p>A folder, a bucket, an ssh address or another server will do:</p>
      <pre tabindex="0">eventtrack remote add lab https://tracking.example:5000
eventtrack sync lab</pre><//>`;
  }
  return html`<div class="scroll" tabindex="0"><table class="list">
    <thead><tr><th>Remote</th><th>State</th><th>Last success</th><th>Last tried</th><th class="num">To push</th>
      <th class="num">To pull</th><th class="wide num">Exchanged</th></tr></thead>
    <tbody>${remotes.map(
      ({ name, url, wanted, status }) => html`<tr key=${name || url}>
      <td class="name"><strong>${name || "(no name)"}</strong><div class="quiet mono">${url}</div>
        ${
          Boolean(wanted?.experiments?.length || wanted?.runs?.length) &&
          html`<div class="quiet">
        pulls ${count(wanted.experiments.length, "experiment")}, ${count(wanted.runs.length, "run")}</div>`
        }
        </td>
      <td>${html`<${RemoteState} status=${status} now=${now} />`}</td>
      <td><${When} ms=${status?.succeeded_ms} now=${now} /></td><td><${When} ms=${status?.tried_ms} now=${now} /></td>
      <td class="num">${status ? number(status.ahead) : ""}</td><td class="num">
        ${status ? number(status.behind) : ""}</td>
      <td class="wide num quiet">
        ${
          status &&
          html`↓ ${count(status.pulled.events, "event")}, ${bytes(status.pulled.bytes)}
        <br />↑ ${count(status.pushed.events, "event")}, ${bytes(status.pushed.bytes)}`
        }</td></tr>`,
    )}</tbody></table></div>`;
}

function RemoteState({ status, now }) {
  if (!status) return html`<span class="quiet">never tried</span>`;
  if (!status.error) {
    const even = !status.ahead && !status.behind;
    return html`<span class="status" data-status=${even ? "FINISHED" : "SCHEDULED"}><i aria-hidden="true"></i>
      ${even ? "in step" : "not in step"}</span>`;
  }
  return html`<span class="status" data-status="FAILED">
    <i aria-hidden="true">
    </i>failing since ${ago(status.failing_since_ms, now)}, ${number(status.failures)} tr${
      status.failures === 1 ? "y" : "ies"
    }</span>
    <div class="problem said">${status.error}</div>${status.hint && html`<div class="quiet said">${status.hint}</div>`}
    ${status.next_ms && html`<div class="quiet">again ${ago(status.next_ms, now)}</div>`}`;
}

const Replicas = ({ replicas, now }) =>
  !replicas.length
    ? html`<${Empty} title="Nothing was written yet." />`
    : html`<div class="scroll" tabindex="0"><table class="list">
    <thead><tr><th>Replica</th><th>Written by</th><th class="num">Size</th><th class="num">Last index</th>
      <th>Newest event</th><th class="num">Lag</th><th>Signed head</th></tr></thead>
    <tbody>${replicas.map(
      (replica) => html`<tr key=${replica.replica}>
      <td><code title=${replica.replica}>${replica.replica.slice(0, 12)}</code>
        ${replica.own && html` <strong>this store</strong>`}${
          replica.whole === false &&
          html`<div
        class="quiet">in part</div>`
        }</td>
      <td>${
        replica.author
          ? who(replica.author)
          : html`<span
        class="quiet">not known</span>`
      }</td>
      <td class="num">${number(replica.size)}</td><td class="num">${replica.size ? number(replica.size - 1) : "–"}</td>
      <td><${When} ms=${replica.recorded_ms} now=${now} /></td>
      <td class="num">${
        replica.behind
          ? html`<span class="status" data-status="RUNNING"><i aria-hidden="true"></i>
        ${number(replica.behind)} to come</span>`
          : replica.own
            ? ""
            : "none known"
      }</td>
      <td><${Sealed} sealed=${replica.sealed} /></td></tr>`,
    )}</tbody></table></div>
    <p class="quiet">Sizes count envelopes. The lag is what some remote said it has and this store has not.</p>`;

/** Its signature and the envelopes below it were checked for this answer. */
function Sealed({ sealed }) {
  if (!sealed) return html`<span class="quiet">none</span>`;
  if (sealed.problem)
    return html`<span class="status" data-status="FAILED">
      <i aria-hidden="true"></i>at ${number(sealed.size)}: not good</span><div class="problem said">
      ${sealed.problem}</div>`;
  return html`<span class="status" data-status="FINISHED"
    title="The signature is the feed's, and these envelopes are those that were signed">
    <i aria-hidden="true"></i>verified up to ${number(sealed.size)}</span>`;
}

function Conflicts({ total, conflicts, offset }) {
  if (!total) return html`<p class="quiet">None: no two machines said different things of one fact.</p>`;
  return html`<div class="scroll" tabindex="0"><table class="list">
    <thead><tr><th>Of</th><th>Fact</th><th>Kept</th><th>Lost</th><th>Rule</th></tr></thead>
    <tbody>${conflicts.map(
      (conflict) => html`<tr key=${`${conflict.subject} ${conflict.fact}`}>
      <td class="name"><${Of} subject=${conflict.subject} /></td><td>${conflict.fact}</td><td class="value"><ins>
        ${conflict.kept}</ins></td>
      <td class="value">${conflict.lost.map((text) => html`<del>${text}</del> `)}</td><td class="quiet">
        ${conflict.rule}</td></tr>`,
    )}</tbody></table></div>
    <p class="bar"><span class="quiet">
      ${number(offset + 1)} to ${number(Math.min(offset + PAGE, total))} of ${number(total)}. What lost stays on record.
      </span>
      ${
        offset > 0 &&
        html`<button onClick=${() =>
          setQuery({ skip: Math.max(offset - PAGE, 0) || "" }, { push: true })}>Earlier</button>`
      }
      ${
        offset + PAGE < total &&
        html`<button
        onClick=${() => setQuery({ skip: offset + PAGE }, { push: true })}>More</button>`
      }</p>`;
}

function Of({ subject }) {
  const [kind, id] = subject.split("/");
  if (kind === "run")
    return html`<a href=${link(["runs", id], { tab: "history", at: "" })}>${subject.slice(0, 16)}…</a>`;
  if (kind === "experiment") return html`<a href=${link(["experiments", id], { at: "" })}>${subject}</a>`;
  return html`<code>${subject}</code>`;
}
