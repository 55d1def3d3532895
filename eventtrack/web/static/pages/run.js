/** One run: what it is, its curves, params, tags, files, the runs nested in it, and its past. */
import { html } from "../lib/ui.js";
import { curvesUrl, get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive, useLook } from "../lib/live.js";
import { withFork } from "../lib/forked.js";
import { at } from "../lib/past.js";
import { link, route } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { byRank } from "../lib/workspace.js";
import { ago, duration, moment, number } from "../lib/format.js";
import { Charts } from "../parts/charts.js";
import { CorrectParam, Signatures } from "../parts/correct.js";
import { Actions, Lost, Name, Note, TagEditor } from "../parts/edit.js";
import { Files } from "../parts/files.js";
import { History } from "../parts/history.js";
import { Items } from "../parts/items.js";
import { Datasets, Models, Traces } from "../parts/linked.js";
import { Many } from "../parts/many.js";
import { Metrics } from "../parts/metrics.js";
import { Rework, Sources } from "../parts/rework.js";
import { Long } from "../parts/long.js";
import { Loaded, Status } from "../parts/states.js";
import { Tabs } from "../parts/tabs.js";

const TABS = [
  ["", "Overview"],
  ["charts", "Charts"],
  ["series", "Media"],
  ["files", "Files"],
  ["history", "History"],
];

export function Run({ runId }) {
  const asked = useData(["run", runId], (options) => get("run", { run_id: runId }, options));
  useLook(asked.data?.info.status === "RUNNING", asked.reload);
  useLive(
    (stream) =>
      stream === `run/${runId}` || (asked.data?.children || []).some((child) => stream === `run/${child.run_id}`),
    asked.reload,
    500,
  );
  return html`<main><${Loaded} asked=${asked} what="Reading the run">
    ${(run) => html`<${Shown} run=${run} reload=${asked.reload} />`}<//></main>`;
}

function Shown({ run, reload }) {
  const { info, experiment } = run;
  const { tab: asked = "" } = route.value.query;
  const tab = TABS.some(([value]) => value === asked) ? asked : "";
  const parent = run.tags["mlflow.parentRunId"];
  const [, part] = TABS.find(([value]) => value === tab) || [];
  useTitle(info.run_name || info.run_id, tab && part, experiment.name);
  return html`
    <div class="crumbs"><a href=${link(["experiments"])}>Experiments</a> / <a
      href=${link(["experiments", experiment.experiment_id])}><bdi>${experiment.name}</bdi></a> /
      ${parent && html` <a href=${link(["runs", parent])}>parent run</a> /`}</div>
    <${Name} info=${info} reload=${reload} />
    ${
      info.lifecycle_stage === "deleted" &&
      html`<p class="problem"
      role="status">This run is deleted. Nothing is lost: it can be restored.</p>`
    }
    <${Lost} info=${info} reload=${reload} />
    <${Tabs} label="Parts of the run" tabs=${TABS} path=${["runs", info.run_id]} by="tab" shown=${tab} />
    ${tab === "" && html`<${Overview} run=${run} reload=${reload} />`}
    ${tab === "charts" && html`<dl class="facts"><${Sources} tags=${run.tags} merged=${run.merged} /></dl>`}
    ${tab === "charts" && html`<${Charts} runs=${[withFork(run)]} keys=${run.metrics.map((metric) => metric.key)} />`}
    ${tab === "series" && html`<${Items} runs=${[info]} series=${[run.series]} tags=${[run.tags]} />`}
    ${tab === "files" && html`<${Files} runId=${info.run_id} />`}
    ${tab === "history" && html`<${History} runId=${info.run_id} />`}
  `;
}

function Overview({ run, reload }) {
  const { info } = run;
  return html`
    <div class="columns overview">
      <div><section>
        <dl class="facts">
          <dt>Status</dt><dd><${Status} ...${info} /></dd>
          <dt>Started</dt><dd>${moment(info.start_time)} <span class="quiet">${ago(info.start_time)}</span></dd>
          <dt>Duration</dt><dd>${
            info.end_time
              ? duration(info.end_time - info.start_time)
              : info.status === "RUNNING"
                ? (at.value ? "not ended yet" : ran(info))
                : ""
          }</dd>
          <dt>User</dt><dd>${info.user_id || html`<span class="quiet">not said</span>`}</dd>
          <${Sources} tags=${run.tags} merged=${run.merged} />
          <dt>Run id</dt><dd class="mono">${info.run_id}</dd>
          ${SOURCES.map(
            ([key, name]) =>
              run.tags[key] &&
              !(key === "mlflow.user" && run.tags[key] === info.user_id) &&
              html`<dt>${name}</dt><dd class="mono">${
                SOUGHT.includes(key)
                  ? html`<a title=${`Runs of this ${name.toLowerCase()}`}
                    href=${link(["experiments", run.experiment.experiment_id], {
                      q: `tags.\`${key}\` = '${run.tags[key].replaceAll("'", "''")}'`,
                    })}>${run.tags[key]}</a>`
                  : run.tags[key]
              }</dd>`,
          )}
          ${
            info.life?.host &&
            html`<dt>Process</dt><dd><span class="mono">
            ${info.life.pid}</span> on ${info.life.host}</dd>`
          }
        </dl>
        <${Actions} info=${info} reload=${reload} />
        <${Rework} run=${run} reload=${reload} />
      </section>
      <section><${Note} info=${info} text=${run.tags["mlflow.note.content"] || ""} reload=${reload} /></section>
      <section><h2>Params</h2><${Params} info=${info} params=${run.params} reload=${reload} /></section>
      ${
        run.inputs.dataset_inputs.length > 0 &&
        html`<section><h2>Datasets</h2>
        <${Datasets} inputs=${run.inputs.dataset_inputs} /></section>`
      }
      ${
        run.inputs.model_inputs?.length > 0 &&
        html`<section><h2>Input models</h2>
        <${Models} ids=${run.inputs.model_inputs.map((model) => model.model_id)} /></section>`
      }
      ${
        run.outputs.model_outputs?.length > 0 &&
        html`<section><h2>Logged models</h2>
        <${Models} ids=${run.outputs.model_outputs.map((model) => model.model_id)} /></section>`
      }
      </div>
      <div><section><h2>Metrics ${
        run.metrics.length > 0 &&
        html` <a class="beside" href=${curvesUrl([info.run_id], [])} download>Curves as CSV</a>`
      }</h2><${Metrics} run=${run} /></section>
      <section><h2>Tags</h2><${TagEditor} info=${info} tags=${run.tags} reload=${reload} /></section>
      <${Signatures} info=${info} signatures=${run.signatures} reload=${reload} />
      <${Traces} info=${info} experiments=${run.experiments} />
      </div></div>
    <${Origin} run=${run} />
    ${run.children.length > 0 && html`<h2>Nested runs</h2><${Children} children=${run.children} />`}
  `;
}

const ran = ({ life, start_time }) =>
  life?.state === "gone"
    ? `${duration(Math.max(life.last_ms - start_time, 0))} until its last sign of life`
    : `${duration(Date.now() - start_time)} so far`;

const SOURCES = [
  ["mlflow.source.name", "Program"],
  ["mlflow.source.git.commit", "Commit"],
  ["mlflow.source.git.branch", "Branch"],
  ["mlflow.user", "Logged by"],
  ["eventtrack.end", "Ended"],
  ["eventtrack.preempted", "Preempted"],
];

// A run has these in common with others: they lead to them.
const SOUGHT = ["mlflow.source.git.commit", "mlflow.source.git.branch"];

/** Groups of what `eventtrack run` recorded; packages are many, and shown where runs are compared. */
const ORIGINS = [
  ["command", "Command"],
  ["code", "Code"],
  ["machine", "Machine"],
];

/** The end of an output says why it ended. */
const end = (box) => box && (box.scrollTop = box.scrollHeight);

/** The traceback of a run that failed, else its last lines of output; and where it came from. */
function Origin({ run }) {
  const { run_id, status, end_time } = run.info;
  const asked = useData(["origin", run_id, status, end_time], (options) => get("origin", { run_id }, options));
  if (!asked.data) return null;
  const { groups, last_lines: lines } = asked.data;
  const traceback = run.tags["eventtrack.traceback"];
  const text = traceback || lines.join("\n");
  return html`
    ${text && html`<h2>${traceback ? "Traceback" : "Last lines of output"}</h2>`}
    ${text && html`<pre class="output" tabindex="0" ref=${end}>${text}</pre>`}
    <div class="columns">${ORIGINS.map(
      ([group, title]) =>
        groups[group] &&
        html`<section key=${group}><h2>${title}</h2>
      <${Pairs} pairs=${groups[group]} none="Nothing was recorded." /></section>`,
    )}</div>`;
}

/** More rows than this get a field to search them by. */
const MANY = 8;

const Params = ({ info, params, reload }) => html`
  <${Many} rows=${Object.entries(params)} textOf=${(pair) => pair.join(" ")} what="params"
    from=${MANY}>${(rows) => html`
    <${Pairs} pairs=${Object.fromEntries(rows)} none=${
      Object.keys(params).length ? "No param is like that." : "No params were logged."
    } edit=${
      info.lifecycle_stage === "active" &&
      ((name, value) => html`<${CorrectParam} key=${name} runId=${info.run_id} name=${name} value=${value}
      reload=${reload} />`)
    } />`}<//>`;

export const Pairs = ({ pairs, none, edit }) =>
  Object.keys(pairs).length === 0
    ? html`<p class="quiet">${none}</p>`
    : html`
  <table class="list pairs"><tbody>${Object.entries(pairs).map(
    ([key, value]) => html`<tr key=${key}><td class="name">
    ${key}</td><td class="value"><${Long} text=${value} /></td>
    ${edit && html`<td class="num">${edit(key, value)}</td>`}</tr>`,
  )}</tbody></table>`;

function Children({ children }) {
  const all = [...new Set(children.flatMap((child) => Object.keys(child.metrics)))];
  const keys = byRank(all).slice(0, 5);
  return html`
    <div class="scroll" tabindex="0"><table class="list">
      <thead><tr><th>Name</th><th>Status</th><th>Duration</th>${keys.map(
        (key) => html`<th class="num">
        ${key}</th>`,
      )}</tr></thead>
      <tbody>${children.map(
        (child) => html`<tr key=${child.run_id}>
        <td class="name"><a href=${link(["runs", child.run_id])}>${child.run_name}</a></td><td>
          <${Status} ...${child} /></td>
        <td>${child.end_time ? duration(child.end_time - child.start_time) : ""}</td>
        ${keys.map((key) => html`<td class="num">${number(child.metrics[key])}</td>`)}</tr>`,
      )}
      </tbody>
    </table></div>
    <p><a href=${link(["compare"], {
      runs: children
        .slice(0, 50)
        .map((child) => child.run_id)
        .join(","),
    })}>Compare ${children.length > 50 ? "the first 50" : "them"}</a></p>
  `;
}
