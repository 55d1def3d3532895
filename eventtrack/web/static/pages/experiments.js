/** All experiments: what they are about, how many runs, how many run now, when something last happened. */
import { html, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive, useLook } from "../lib/live.js";
import { go, link, route, setQuery } from "../lib/route.js";
import { ago, count, moment, naturally, number } from "../lib/format.js";
import { useChange } from "../parts/edit.js";
import { Popup } from "../parts/popup.js";
import { Spark } from "../parts/spark.js";
import { Empty, First, Loaded } from "../parts/states.js";

const NOTE = "mlflow.note.content";
const TAGS_SHOWN = 3;
const CHANGED = /^(experiment|run)\//;

export function Experiments() {
  const asked = useData(["experiments"], (options) => get("experiments", {}, options));
  const activity = useData(["activity"], (options) => get("activity", {}, options));
  useLive((stream) => CHANGED.test(stream), asked.reload, 1000);
  useLook(
    asked.data?.experiments.some(({ running, lost }) => running > lost),
    asked.reload,
  );
  useLive((stream) => CHANGED.test(stream), activity.reload, 10_000);
  return html`
    <main>
      <h1>Experiments</h1>
      <${Loaded} asked=${asked} what="Counting runs">
        ${(data) => html`<${List} all=${data.experiments} activity=${activity.data} reload=${asked.reload} />`}<//>
    </main>
  `;
}

/** How many runs run, or have no process any more. */
const Running = ({ many, lost = false }) => html`<span class="status" data-status="RUNNING"
  data-life=${lost ? "gone" : undefined}><i aria-hidden="true"></i>${number(many)}${lost ? " lost" : ""}</span>`;

/** Every word has to stand in the name, the note or a tag. */
const matches = (experiment, words) => {
  const text = [experiment.name, ...Object.entries(experiment.tags).flat()].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
};

function List({ all, activity, reload }) {
  const { q = "", deleted = "", sort = "" } = route.value.query;
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const hidden = all.filter((experiment) => experiment.lifecycle_stage === "deleted").length;
  const shown = all.filter(
    (experiment) => (deleted === "1") === (experiment.lifecycle_stage === "deleted") && matches(experiment, words),
  );
  const order = ORDERS[sort];
  if (order) shown.sort(order);
  return html`
    <div class="bar">
      <input type="search" data-focus placeholder="Find by name, note or tag"
        aria-label="Find experiments by name, note or tag" value=${q}
        onInput=${(event) => setQuery({ q: event.target.value })} />
      ${
        (hidden > 0 || deleted) &&
        html`<label class="check"><input type="checkbox" checked=${deleted === "1"}
        onChange=${(event) => setQuery({ deleted: event.target.checked ? "1" : "" }, { push: true })}
          /> deleted (${hidden})</label>`
      }
      <span class="quiet" aria-live="polite">${number(shown.length)} of ${number(all.length)}</span>
      <span class="grow"></span>
      ${writable.value && html`<${Create} />`}
    </div>
    ${
      shown.length
        ? html`<${Table} shown=${shown} activity=${activity} sort=${sort} reload=${reload} />`
        : html`<${Nothing} q=${q} deleted=${deleted} />`
    }
    ${all.length === 1 && !all[0].runs && html`<${First} title="Nothing was logged yet." />`}
  `;
}

/** By the name of a column; without one, by the last activity. */
const ORDERS = {
  name: (a, b) => naturally(a.name, b.name),
  runs: (a, b) => b.runs - a.runs,
  created: (a, b) => b.creation_time - a.creation_time,
};

function Table({ shown, activity, sort, reload }) {
  const head = (
    value,
    name,
    style = "",
  ) => html`<th class=${style} aria-sort=${sort === value ? (value === "name" ? "ascending" : "descending") : "none"}>
    <button class="plain" onClick=${() => setQuery({ sort: value }, { push: true })}>
      ${name}${sort === value ? (value === "name" ? " ↑" : " ↓") : ""}</button></th>`;
  return html`
    <div class="scroll" tabindex="0"><table class="list experiments">
      <thead><tr>${head("name", "Name")}${head("runs", "Runs", "num")}<th class="num wide">Running</th><th>Activity</th>
        ${head("", "Last activity")}${head("created", "Created", "wide")}<th>
        <span class="unseen">Changes</span></th></tr></thead>
      <tbody>${shown.map(
        (experiment) => html`<${Row} key=${experiment.experiment_id} experiment=${experiment} activity=${activity}
        reload=${reload} />`,
      )}</tbody>
    </table></div>
    ${activity && html`<p class="quiet note">Activity: runs begun, ${spanOf(activity)}.</p>`}
  `;
}

const SPANS = {
  1: "over the last day",
  7: "over the last week",
  30: "over the last month",
  90: "over the last three months",
  360: "over the last year",
};
const spanOf = ({ width }) => SPANS[Math.round((width * 30) / 86_400_000)] || "up to now";

function Row({ experiment, activity, reload }) {
  const note = (experiment.tags[NOTE] || "")
    .split("\n")
    .map((line) =>
      line
        .replace(/^[#>\s*-]+/, "")
        .replace(/[*`]/g, "")
        .trim(),
    )
    .find(Boolean);
  const tags = Object.entries(experiment.tags).filter(([key]) => !key.startsWith("mlflow."));
  const counts = activity?.counts[experiment.experiment_id] || [];
  const running = experiment.running - experiment.lost;
  return html`
    <tr>
      <td class="name"><a href=${link(["experiments", experiment.experiment_id])}>${experiment.name}</a>
        ${note && html`<div class="about" title=${experiment.tags[NOTE]}>${note}</div>`}
        ${
          tags.length > 0 &&
          html`<div class="about">
          ${tags.slice(0, TAGS_SHOWN).map(
            ([key, value]) => html`<span class="tag" key=${key}
          title=${`${key}: ${value}`}>
          ${key}: ${value}</span>`,
          )}${tags.length > TAGS_SHOWN ? html` and ${tags.length - TAGS_SHOWN} more` : ""}</div>`
        }</td>
      <td class="num">${number(experiment.runs)}</td>
      <td class="num wide">${running > 0 && html`<${Running} many=${running} />`}${
        experiment.lost > 0 && html` <${Running} many=${experiment.lost} lost />`
      }</td>
      <td><${Spark} counts=${counts} title=${
        counts.length
          ? `${count(
              counts.reduce((sum, many) => sum + many, 0),
              "run",
            )} begun ${spanOf(activity)}`
          : "No run begun lately"
      } /></td>
      <td class="nowrap" title=${moment(experiment.last_activity)}>${ago(experiment.last_activity)}</td>
      <td class="wide quiet nowrap">${moment(experiment.creation_time)}</td>
      <td class="num">${writable.value && html`<${Changes} experiment=${experiment} reload=${reload} />`}</td>
    </tr>
  `;
}

function Create() {
  const [name, setName] = useState("");
  const { change, problem, busy } = useChange(() => {});
  const send = (event) => {
    event.preventDefault();
    change("experiments/create", { name }, (answer) => go(["experiments", answer.experiment_id]));
  };
  return html`<${Popup} label="New experiment" title="A new experiment"><form class="fields" onSubmit=${send}>
    <label>Name <input type="text" value=${name} onInput=${(event) => setName(event.target.value)} /></label>
    <button disabled=${busy || !name.trim()}>Create</button>${problem}</form><//>`;
}

/** Each change is a request to MLflow's endpoints, and an event with its author and reason. */
function Changes({ experiment, reload }) {
  const { change, problem, busy, why } = useChange(reload);
  const body = { experiment_id: experiment.experiment_id };
  if (experiment.lifecycle_stage === "deleted") {
    return html`<button disabled=${busy} aria-label=${`Restore ${experiment.name}`}
      onClick=${() => change("experiments/restore", body)}>Restore</button>${problem}`;
  }
  return html`<${Popup} label=${html`<span aria-hidden="true">⋯</span>
    <span class="unseen">Change ${experiment.name}</span>`} title=${`Changes of ${experiment.name}`}>${(close) => html`
    <${Edit} experiment=${experiment} busy=${busy} why=${why}
      change=${(path, fields) => change(path, { ...body, ...fields }, close)} />
      ${problem}`}<//>`;
}

function Edit({ experiment, busy, why, change }) {
  const [name, setName] = useState(experiment.name);
  const [note, setNote] = useState(experiment.tags[NOTE] || "");
  const [asked, setAsked] = useState(false);
  const rename = (event) => {
    event.preventDefault();
    change("experiments/update", { new_name: name });
  };
  const annotate = (event) => {
    event.preventDefault();
    change("experiments/set-experiment-tag", { key: NOTE, value: note });
  };
  return html`
    <p class="fields"><label>Reason ${why}</label></p>
    <form class="fields" onSubmit=${rename}>
      <label>Name <input type="text" value=${name} onInput=${(event) => setName(event.target.value)} /></label>
      <button disabled=${busy || !name.trim() || name === experiment.name}>Rename</button></form>
    <form class="fields" onSubmit=${annotate}>
      <label>Note, in Markdown <textarea value=${note}
      onInput=${(event) => setNote(event.target.value)}></textarea></label>
      <button disabled=${busy || note === (experiment.tags[NOTE] || "")}>Save the note</button></form>
    ${
      asked
        ? html`<p>Delete it with ${count(experiment.runs, "run")}? Nothing is lost: it can be restored.</p>
          <p class="bar"><button class="danger" disabled=${busy}
            onClick=${() => change("experiments/delete", {})}>Delete</button>
            <button onClick=${() => setAsked(false)}>Cancel</button></p>`
        : html`<p><button onClick=${() => setAsked(true)}>Delete …</button></p>`
    }
  `;
}

const Nothing = ({ q, deleted }) => html`
  <${Empty} title=${
    q ? `Nothing is called like “${q}”.` : deleted ? "No experiment is deleted." : "No experiments here."
  }>
    ${q && html`<button onClick=${() => setQuery({ q: "" }, { push: true })}>Show all</button>`}
  <//>
`;
