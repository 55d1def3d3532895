/** Several runs side by side: what differs between them, and their curves over each other. */
import { html } from "../lib/ui.js";
import { curvesUrl, get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { withFork } from "../lib/forked.js";
import { count, naturally } from "../lib/format.js";
import { link, route, setQuery } from "../lib/route.js";
import { useTitle } from "../lib/title.js";
import { Charts } from "../parts/charts.js";
import { COMPARED_MAX, Differences } from "../parts/differences.js";
import { Items } from "../parts/items.js";
import { Empty, Loaded } from "../parts/states.js";

const runWithOrigin = async (id, options) => {
  const [run, origin] = await Promise.all([
    get("run", { run_id: id }, options),
    get("origin", { run_id: id }, options),
  ]);
  return { ...run, origin: origin.groups };
};

export function Compare() {
  const ids = [...new Set((route.value.query.runs || "").split(",").filter(Boolean))];
  const shown = ids.slice(0, COMPARED_MAX);
  useTitle(ids.length ? `Compare ${count(shown.length, "run")}` : "Compare");
  const asked = useData(["compare", shown], (options) => Promise.all(shown.map((id) => runWithOrigin(id, options))));
  useLive((stream) => shown.includes(stream.slice(4)), asked.reload, 1000);
  if (!ids.length)
    return html`<main><h1>Compare</h1><${Empty} title="No runs to compare.">
      <p>Select some in the <a href=${link(["experiments"])}>table of an experiment</a>.</p><//></main>`;
  return html`<main>
    ${
      ids.length > shown.length &&
      html`<p
      class="state">The first ${COMPARED_MAX} of ${ids.length} runs are compared.</p>`
    }
    <${Loaded} asked=${asked} what="Reading the runs">${(runs) => html`<${Shown} runs=${runs} />`}<//></main>`;
}

function Shown({ runs }) {
  const { all = "", base = "" } = route.value.query;
  const experiments = new Map(runs.map(({ experiment }) => [experiment.experiment_id, experiment]));
  const keys = [...new Set(runs.flatMap((run) => run.metrics.map((metric) => metric.key)))].sort(naturally);
  const push = (changes) => setQuery(changes, { push: true });
  return html`
    <div class="crumbs"><a href=${link(["experiments"])}>Experiments</a> / ${[...experiments.values()].map(
      (experiment, at) =>
        html`${
          at ? ", " : ""
        }<a key=${experiment.experiment_id} href=${link(["experiments", experiment.experiment_id])}>
          ${experiment.name}</a>`,
    )} /</div>
    <h1>Compare ${count(runs.length, "run")}</h1>
    <div class="bar">
      <label class="check">
        <input type="checkbox" role="switch" checked=${all !== "1"}
        onChange=${(event) => push({ all: event.target.checked ? "" : "1" })} /> differences only</label>
      <label class="check">baseline <select value=${base} onChange=${(event) => push({ base: event.target.value })}>
        <option value="">none</option>${runs.map(
          (run) => html`<option value=${run.info.run_id}>
          ${run.info.run_name}</option>`,
        )}</select></label>
    </div>
    <${Differences} runs=${runs} all=${all === "1"} base=${runs.find((run) => run.info.run_id === base)}
      onBase=${(run) => push({ base: run ? run.info.run_id : "" })} />
    <h2>Curves <a class="beside" href=${curvesUrl(
      runs.map((run) => run.info.run_id),
      [],
    )} download>
      All as CSV</a></h2>
    <${Charts} runs=${runs.map(withFork)} keys=${keys} />
    ${
      runs.some(hasMedia) &&
      html`<h2>Text, histograms and media</h2>
      <${Items} runs=${runs.map((run) => run.info)} series=${runs.map((run) => run.series)}
        tags=${runs.map((run) => run.tags)} />`
    }
  `;
}

/** Whether a run has series, or files that are shown as such. */
const hasMedia = ({ series, tags }) =>
  series.length > 0 || tags["mlflow.loggedImages"] || tags["mlflow.loggedArtifacts"];
