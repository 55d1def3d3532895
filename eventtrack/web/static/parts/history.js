/** Who changed what of a run, when, and from where. The record itself cannot be edited. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { ago, moment, number } from "../lib/format.js";
import { Loaded } from "./states.js";

// More metrics than this in one stretch are counted, not named.
const NAMED = 8;

export function History({ runId }) {
  const asked = useData(["history", runId], (options) => get("history", { run_id: runId }, options));
  useLive((stream) => stream === `run/${runId}`, asked.reload, 1000);
  return html`<${Loaded} asked=${asked} what="Reading the log">${({ entries }) => html`
    <p class="quiet">Newest first. Each entry is an event of the log; <code>eventtrack undo ADDRESS</code> takes one back, and both stay on record.</p>
    ${entries.map((one) => html`<${Entry} key=${one.address} entry=${one} />`)}`}<//>`;
}

const VERBS = {
  "run.started": "started", "run.updated": "updated", "run.deleted": "deleted", "run.restored": "restored",
  "run.params_logged": "params logged", "run.params_withdrawn": "params withdrawn", "run.tags_set": "tags set", "run.tag_deleted": "tag removed",
  "run.inputs_logged": "inputs logged", "run.outputs_logged": "outputs logged", "run.artifacts_logged": "files logged", "run.artifacts_deleted": "files deleted",
  "run.metric_logged": "points logged", "run.metrics_logged": "points logged",
};

const Entry = ({ entry }) => html`
  <div class="change">
    <div class="head"><strong>${VERBS[entry.type] || entry.type}</strong>
      <span title=${moment(entry.recorded_ms)}>${moment(entry.recorded_ms)}, ${ago(entry.recorded_ms)}</span>
      <${Author} author=${entry.author} /><code>${entry.address}</code></div>
    ${entry.points && html`<${Points} keys=${entry.points.keys} />`}
    ${entry.facts.length > 0 && html`<ul>${entry.facts.map(({ fact, before, after }) => html`<li key=${fact}>${fact}:
      ${before !== null && before !== after ? html` <del>${before}</del> →` : ""} ${after === null ? html`<span class="quiet">removed</span>` : html`<ins>${after}</ins>`}</li>`)}</ul>`}
  </div>
`;

function Points({ keys }) {
  const names = Object.entries(keys);
  const sum = names.reduce((all, [, many]) => all + many, 0);
  return html`<ul><li>${number(sum)} point${sum === 1 ? "" : "s"} of ${names.length > NAMED ? `${number(names.length)} metrics` : names.map(([key]) => key).join(", ")}</li></ul>`;
}

export const Author = ({ author }) => author
  ? html`<span title=${`${author.program}, process ${author.pid}, eventtrack ${author.version}`}>${author.user}@${author.host} by ${author.source}: ${author.program.split("/").pop()}${author.git_commit ? html` at <code>${author.git_commit.slice(0, 8)}</code>` : ""}</span>`
  : html`<span>author unknown</span>`;
