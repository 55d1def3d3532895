/** Keys, filters, tokens, and which store this is. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { Loaded } from "../parts/states.js";

const KEYS = [
  ["Ctrl+K", "search everything"],
  ["h", "home"],
  ["e", "all experiments"],
  ["r", "traces"],
  ["m", "models"],
  ["d", "datasets"],
  ["l", "the log"],
  ["i", "history: what changed between two moments"],
  ["s", "sync"],
  ["?", "this page"],
  ["/", "to the search field; search everything where a page has none"],
  ["Esc", "out of a field"],
  ["t", "dark or light"],
  ["[ and ]", "one event back or on"],
  ["p", "play through time, or pause"],
  ["n", "back to now"],
  ["↑ ↓ or j k", "from run to run, in the table"],
  ["Enter", "open the run"],
  ["x", "select the run"],
  ["Shift ↑ ↓", "select from run to run"],
  ["Shift and a click", "select all runs between, or sort by one more column"],
  ["Tab", "complete a filter, of which the box offers the names"],
];
const FILTERS = [
  "metrics.loss < 0.1",
  "params.lr < 0.01 AND tags.team = 'blue'",
  "metrics.acc > 0.9 OR NOT tags.kept = 'yes'",
  "params.model IN ('a', 'b')",
  "attributes.status = 'FAILED'",
  "attributes.run_name LIKE 'sweep%'",
  "metrics.`val loss` BETWEEN 0.1 AND 0.2",
];

export function Help() {
  const asked = useData(["about"], (options) => get("about", {}, options));
  return html`
    <main>
      <h1>Help</h1>
      <div class="columns">
        <section><h2>Keys</h2><table class="list"><tbody>${KEYS.map(
          ([key, what]) => html`<tr><td><kbd>${key}</kbd></td>
          <td>${what}</td></tr>`,
        )}</tbody></table></section>
        <section><h2>Filters</h2><p>MLflow's language, and more:</p>${FILTERS.map(
          (filter) => html`<pre tabindex="0">
          ${filter}</pre>`,
        )}</section>
        <section><h2>Charts</h2>
          <p>Drag over a chart to zoom in x, y or both, with Shift to pan; double-click to go back. In a chart that has
            the focus, ← and → read its values, + and - zoom, Shift ← and → pan, 0 shows all. Drag a title to move
            its chart; the menu ⋯ moves it too, and has its values as a table.</p>
          <p>However many points there are,
            the minimum and the maximum of each pixel are drawn: no spike is lost.
            NaN is a cross at the lower edge, infinity a triangle.</p>
          <p>All that you set stands in the address line: send it to a colleague.</p></section>
        <section><h2>Tables</h2>
          <p>A click on the name of a column sorts by it, the best first: the smallest of losses and errors, else the
            greatest. Another click turns the order round.</p>
          <p>Curves, parallel coordinates and the scatter plot show the runs of the table;
            a range along an axis filters both.</p>
          <p>CSV holds all rows that match, with the columns shown. A text that a spreadsheet would run as
            a formula begins with a <code>'</code> there; numbers stay as they are.</p></section>
        <section><h2>Tokens</h2>
          <p>Where a server asks for one, paste it to sign in. <code>eventtrack token create NAME
          </code> makes one, <code>--role read
          </code> one that may only look. What you change stands in the log under its name.</p></section>
        <section><h2>This store</h2><${Loaded} asked=${asked}>${(data) => html`<dl class="facts"><dt>eventtrack</dt><dd>
          ${data.version}</dd><dt>Folder</dt><dd class="mono">${data.store}</dd><dt>Log position</dt><dd>
          ${data.position}</dd></dl>`}<//></section>
      </div>
    </main>
  `;
}
