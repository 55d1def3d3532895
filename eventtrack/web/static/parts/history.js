/** Who changed what of a run, when, and from where. The record itself cannot be edited. */
import { html, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { change, get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { ago, count, moment, number, said } from "../lib/format.js";
import { route, setQuery } from "../lib/route.js";
import { Counts, NoEffect } from "./skipped.js";
import { Loaded } from "./states.js";
import { Because, Why } from "./why.js";

// What a training does by itself; it would bury what people changed.
const BY_ITSELF = ["points logged", "artifacts logged", "text logged", "histograms logged", "media logged"];
const EVERYTHING = "everything";
// More metrics than this in one stretch are counted, not named.
const NAMED = 8;
// Entries that are asked for at first, and how many times as many with each further question.
const SHOWN = 200;
const MORE = 5;
const LIMIT_MAX = 10_000;

/** @param {{runId?: string, subject?: string, stream?: string}} props a run, or a subject with its stream */
export function History({ runId, subject = "", stream: own = `run/${runId}` }) {
  const [limit, setLimit] = useState(SHOWN);
  const [why, setWhy] = useState("");
  const asked = useData(["history", runId, subject, limit], (options) =>
    get("history", { run_id: runId, subject, limit }, options),
  );
  useLive((stream) => stream === own, asked.reload, 1000);
  const { what = "" } = route.value.query;
  const shows = (entry) => (what ? what === EVERYTHING || worded(entry) === what : !BY_ITSELF.includes(worded(entry)));
  return html`<${Loaded} asked=${asked} what="Reading the log">${({ entries, total }) => html`
    <p class="bar"><span
      class="quiet">Newest first. Each entry is an event of the log: to undo one adds another, and both stay on record.
      </span>
      <label class="check">show <select value=${what}
        onChange=${(event) => setQuery({ what: event.target.value }, { push: true })}>
        <option value="">edits</option><option value=${EVERYTHING}>everything</option>
        ${[...new Set([...entries.map(worded), what])]
          .filter((kind) => kind && kind !== EVERYTHING)
          .sort()
          .map((kind) => html`<option value=${kind}>${kind}</option>`)}</select></label>
      ${writable.value && html`<label class="check">undo with a <${Why} value=${why} onWhy=${setWhy} /></label>`}</p>
    ${
      !what &&
      !entries.every(shows) &&
      html`<p class="quiet">${count(entries.filter((entry) => !shows(entry)).length, "entry", "entries")} about points
        and files not shown. <button class="plain" onClick=${() =>
          setQuery({ what: EVERYTHING }, { push: true })}>Show everything</button></p>`
    }
    ${entries.filter(shows).map(
      (entry) => html`<${Entry} key=${entry.address}
      entry=${entry} all=${entries} why=${why} reload=${asked.reload} />`,
    )}
    ${
      total > entries.length &&
      (limit < LIMIT_MAX
        ? html`<button onClick=${() => setLimit(Math.min(limit * MORE, LIMIT_MAX))}>Show more of ${number(total)}
          </button>`
        : html`<p class="quiet">The newest ${number(entries.length)} of ${number(total)}: <code>eventtrack history
          </code> prints them all.</p>`)
    }`}<//>`;
}

/** What an event did, in the words of its type: `tags set`. */
const worded = (entry) =>
  entry.points ? "points logged" : entry.type.replace(/^(run|registered|model)\./, "").replaceAll("_", " ");

/** A run that began has begun: to delete it is a matter of its own. */
const BIRTH = "run.started";

function Undo({ entry, why, reload }) {
  const [state, setState] = useState({});
  const undo = async () => {
    setState({ busy: true });
    try {
      await change("undo", { address: entry.address }, why);
      setState({});
      reload();
    } catch (error) {
      setState({ error });
    }
  };
  if (!writable.value || entry.skipped || entry.final || entry.undone_by || entry.type === BIRTH) return null;
  return html`<button class="plain" disabled=${state.busy} aria-label=${`Undo ${worded(entry)}, ${entry.address}`}
    onClick=${undo}>Undo</button>
    ${state.error && html`<span class="problem" role="alert">${state.error.message} ${state.error.hint || ""}</span>`}`;
}

/** What an entry took back, or by whom it was taken back. */
function Undone({ entry, all }) {
  const other = all.find(({ address }) => address === (entry.undone_by || entry.undoes));
  const code = html`<code>${entry.undone_by || entry.undoes}</code>`;
  if (entry.undone_by)
    return html`<span class="undone">undone by ${
      other?.author ? `${other.author.user}@${other.author.host}, ` : ""
    }${code}</span>`;
  return entry.undoes && html`<span class="undone">undoes ${other ? `${worded(other)}, ` : ""}${code}</span>`;
}

const Entry = ({ entry, all, why, reload }) => html`
  <div class="change" data-undone=${Boolean(entry.undone_by)}>
    <div class="head"><strong>${worded(entry)}</strong> <${Undone} entry=${entry} all=${all} />
      <span title=${moment(entry.recorded_ms)}>${moment(entry.recorded_ms)}, ${ago(entry.recorded_ms)}</span>
      <${Counts} event=${entry} /><${Author} author=${entry.author} /><code>${entry.address}</code>
      <${Undo} entry=${entry} why=${why} reload=${reload} /></div>
    <${Because} reason=${entry.reason} />
    <${NoEffect} event=${entry} />${entry.skipped && html`<span class="quiet">: ${entry.skipped.what}</span>`}
    ${entry.points && html`<${Points} keys=${entry.points.keys} />`}
    ${
      entry.facts.length > 0 &&
      html`<ul>${entry.facts.map(
        ({ fact, before, after }) => html`<li key=${fact}>${fact}:
      ${
        before !== null && before !== after
          ? html` <del>
        ${said(fact, before)}</del> →`
          : ""
      } ${
        after === null
          ? html`<span class="quiet">removed</span>`
          : html`<ins>
        ${said(fact, after)}</ins>`
      }</li>`,
      )}</ul>`
    }
  </div>
`;

function Points({ keys }) {
  const names = Object.entries(keys);
  const sum = names.reduce((all, [, many]) => all + many, 0);
  return html`<ul><li>${number(sum)} point${sum === 1 ? "" : "s"} of ${
    names.length > NAMED ? `${number(names.length)} metrics` : names.map(([key]) => key).join(", ")
  }</li></ul>`;
}

export const Author = ({ author }) =>
  author
    ? html`<span title=${`${author.program}, process ${author.pid}, eventtrack ${author.version}`}>
      ${author.user}@${author.host} by ${author.source}: ${author.program.split("/").pop()}${
        author.git_commit ? html` at <code>${author.git_commit.slice(0, 8)}</code>` : ""
      }</span>`
    : html`<span>author unknown</span>`;
