/** All experiments: how many runs, how many run now, when something last happened. */
import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { ago, moment, number } from "../lib/format.js";
import { Empty, Loaded } from "../parts/states.js";

export function Experiments() {
  const asked = useData(["experiments"], (options) => get("experiments", {}, options));
  useLive((stream) => /^(experiment|run)\//.test(stream), asked.reload, 1000);
  return html`
    <main>
      <h1>Experiments</h1>
      <${Loaded} asked=${asked} what="Counting runs">${(data) => html`<${List} all=${data.experiments} />`}<//>
    </main>
  `;
}

function List({ all }) {
  const { q = "", deleted = "" } = route.value.query;
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter(
    (one) =>
      (deleted === "1") === (one.lifecycle_stage === "deleted") &&
      words.every((word) => one.name.toLowerCase().includes(word)),
  );
  const hidden = all.filter((one) => one.lifecycle_stage === "deleted").length;
  return html`
    <div class="bar">
      <input type="search" data-focus placeholder="Find by name" aria-label="Find experiments by name" value=${q}
        onInput=${(event) => setQuery({ q: event.target.value })} />
      ${(hidden > 0 || deleted) && html`<label class="check"><input type="checkbox" checked=${deleted === "1"}
        onChange=${(event) => setQuery({ deleted: event.target.checked ? "1" : "" }, { push: true })} /> deleted (${hidden})</label>`}
      <span class="quiet">${number(shown.length)} of ${number(all.length)}</span>
    </div>
    ${shown.length ? html`<${Table} shown=${shown} />` : html`<${Nothing} q=${q} />`}
    ${all.length === 1 && !all[0].runs && html`<${First} />`}
  `;
}

const Table = ({ shown }) => html`
  <div class="scroll"><table class="list">
    <thead><tr><th>Name</th><th class="num">Runs</th><th class="num">Running</th><th>Last activity</th><th class="wide">Created</th></tr></thead>
    <tbody>${shown.map((one) => html`
      <tr key=${one.experiment_id}>
        <td class="name"><a href=${link(["experiments", one.experiment_id])}>${one.name}</a></td>
        <td class="num">${number(one.runs)}</td>
        <td class="num">${one.running ? html`<span class="status" data-status="RUNNING"><i aria-hidden="true"></i>${number(one.running)}</span>` : ""}</td>
        <td title=${moment(one.last_activity)}>${ago(one.last_activity)}</td>
        <td class="wide quiet">${moment(one.creation_time)}</td>
      </tr>`)}
    </tbody>
  </table></div>
`;

const Nothing = ({ q }) => html`
  <${Empty} title=${q ? `No experiment is called like “${q}”.` : "No experiments here."}>
    ${q && html`<button onClick=${() => setQuery({ q: "" }, { push: true })}>Show all</button>`}
  <//>
`;

function First() {
  const [url] = useState(location.origin);
  return html`
    <${Empty} title="Nothing was logged yet.">
      <p>In a training program, or in a shell:</p>
      <pre>import mlflow
mlflow.set_tracking_uri("${url}")
mlflow.log_metric("loss", 0.5)</pre>
      <pre>eventtrack demo</pre>
      <p>What is logged appears here by itself.</p>
    <//>
  `;
}
