/** Where one arrives: what runs now, what died or ended lately, the latest experiments, a search over everything. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, count, duration, moment, number } from "../lib/format.js";
import { useLive, useLook } from "../lib/live.js";
import { at } from "../lib/past.js";
import { link, route, setQuery } from "../lib/route.js";
import { Finder } from "../parts/finder.js";
import { First, Loaded, Status } from "../parts/states.js";

const CHANGED = /^(experiment|run)\//;
const EXPERIMENTS = 8;
const ENDED = 8;

export function Home() {
  const { q = "" } = route.value.query;
  return html`<main class="home">
    <h1>Home</h1>
    <${Finder} text=${q} onText=${(text) => setQuery({ q: text })} />
    ${!q.trim() && html`<${Latest} />`}
  </main>`;
}

function Latest() {
  const runs = useData(["home"], (options) => get("home", {}, options));
  const experiments = useData(["experiments"], (options) => get("experiments", {}, options));
  useLive((stream) => CHANGED.test(stream), runs.reload, 1000);
  useLook(runs.data?.running.length > 0, runs.reload);
  useLook(runs.data?.running.length > 0, experiments.reload);
  useLive((stream) => CHANGED.test(stream), experiments.reload, 5000);
  return html`
    <${Loaded} asked=${runs} what="Looking for runs">${(data) => html`<${Runs} ...${data} />`}<//>
    ${
      // What stands above comes first: nothing is pushed down under the pointer.
      (runs.data || runs.error) &&
      html`<section><h2>Latest experiments</h2>
      <${Loaded} asked=${experiments} what="Counting runs">
        ${(data) => html`<${Experiments} all=${data.experiments} />`}<//>
    </section>`
    }`;
}

function Runs({ running, running_total, lost_total, died, ended }) {
  if (!running.length && !died.length && !ended.length) return html`<${First} title="No runs yet." />`;
  const lost = died.filter((run) => run.status === "RUNNING").length;
  return html`
    <section><h2>Running ${at.value ? "then" : "now"}<${More} many=${running_total - running.length} /></h2>
      ${running.length ? html`<${List} runs=${running} />` : html`<p class="quiet">Nothing runs.</p>`}</section>
    <div class="columns">
      <section><h2>Died lately<${More} many=${lost_total - lost} what="lost" /></h2>
        ${died.length ? html`<${List} runs=${died} />` : html`<p class="quiet">No run failed, was killed or lost.</p>`}
      </section>
      <section><h2>Ended lately</h2>
        ${ended.length ? html`<${List} runs=${ended.slice(0, ENDED)} />` : html`<p class="quiet">No run has ended.</p>`}
      </section>
    </div>`;
}

const More = ({ many, what = "" }) => many > 0 && html` <small class="quiet">and ${number(many)} more ${what}</small>`;

const List = ({ runs }) => html`
  <div class="scroll" tabindex="0"><table class="list"><thead><tr><th>Run</th><th>Status</th><th>Experiment</th>
    <th class="num">${runs.every((run) => run.status === "RUNNING") ? "Started" : "When"}</th>
    <th class="num wide">Duration</th></tr></thead>
  <tbody>${runs.map(
    (run) => html`<tr key=${run.run_id}>
    <td class="name"><a href=${link(["runs", run.run_id])}><bdi>${run.run_name}</bdi></a></td>
    <td><${Status} ...${run} /></td>
    <td class="name"><a href=${link(["experiments", run.experiment_id])}><bdi>${run.experiment}</bdi></a></td>
    <td class="num" title=${moment(when(run))}>${ago(when(run))}</td>
    <td class="num wide">${duration(lasted(run))}</td></tr>`,
  )}</tbody></table></div>`;

const when = ({ start_time, end_time, life }) => end_time || (life?.state === "gone" ? life.last_ms : start_time);

const lasted = ({ start_time, end_time, life }) =>
  (end_time || (life?.state === "gone" ? life.last_ms : at.value ? start_time : Date.now())) - start_time;

function Experiments({ all }) {
  const active = all.filter((experiment) => experiment.lifecycle_stage === "active");
  return html`
    <div class="scroll" tabindex="0"><table class="list"><thead><tr><th>Name</th><th class="num">Runs</th>
      <th class="num">Running</th>
      <th class="num">Last activity</th></tr></thead><tbody>${active.slice(0, EXPERIMENTS).map(
        (experiment) => html`<tr key=${experiment.experiment_id}>
      <td class="name"><a href=${link(["experiments", experiment.experiment_id])}><bdi>${experiment.name}</bdi></a></td>
      <td class="num">${number(experiment.runs)}</td>
      <td class="num">${number(experiment.running - experiment.lost || "")}</td>
      <td class="num" title=${moment(experiment.last_activity)}>${ago(experiment.last_activity)}</td></tr>`,
      )}</tbody></table></div>
    <p><a href=${link(["experiments"])}>All ${count(active.length, "experiment")}</a></p>`;
}
