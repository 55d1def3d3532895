/** What stands above the table of runs: how many there are, what is done with them, and how they are shown. */
import { html, useEffect, useState } from "../lib/ui.js";
import { csvOf, saveCsv } from "../lib/download.js";
import { askedOf } from "../lib/fields.js";
import { count, number } from "../lib/format.js";
import { setQuery } from "../lib/route.js";
import { allRows, PAGE_MAX } from "../lib/rows.js";
import { Choice } from "./choice.js";
import { Columns } from "./columns.js";
import { Selection } from "./selection.js";

export const SHOWS = [
  ["curves", "Curves"],
  ["parallel", "Parallel"],
  ["scatter", "Scatter"],
  ["table", "Table only"],
];
/** What a cell of a group shows of its runs. */
const FIGURES = [
  ["mean", "mean ± std"],
  ["min", "min"],
  ["max", "max"],
];

export const Switch = ({ show }) => html`
  <span class="switch" role="group" aria-label="What is shown">${SHOWS.map(
    ([value, name]) =>
      html`<button key=${value} aria-pressed=${show === value} onClick=${() =>
        setQuery({ show: value === "curves" ? "" : value }, { push: true })}>${name}</button>`,
  )}</span>`;

export function Toolbar({ address, picked, known, total, table, asked, small, experiment, whole }) {
  const { columns, pins, sel, view, tree, group, figure, opened } = address;
  const [saving, setSaving] = useState("");
  const [done, setDone] = useState(null);
  // Told until other runs are selected.
  useEffect(() => setDone((old) => (old?.sel === sel ? old : null)), [sel]);
  const push = (changes) => setQuery(changes, { push: true });
  const download = async () => {
    try {
      const rows =
        whole ||
        (await allRows({ ...asked, columns: askedOf(columns) }, (done, of) =>
          setSaving(`${number(done)} of ${number(of)} rows`),
        ));
      saveCsv(experiment.name, csvOf(rows, columns));
      setSaving("");
    } catch (error) {
      setSaving(`${error.message} ${error.hint || ""}`);
    }
  };
  return html`
    <div class="bar tools">
      <span class="total" aria-live="polite">
        ${total === undefined ? "" : count(total, "run")}${
          picked.size
            ? html`, <strong>
        ${picked.all && !picked.ids.size ? "all " : ""}${number(picked.size)} selected</strong>`
            : ""
        }</span>
      <label class="check">
        <select aria-label="Which runs" value=${view}
        onChange=${(event) => push({ view: event.target.value, sel: "" })}>
        <option value="">active runs</option><option value="DELETED_ONLY">deleted runs</option>
          <option value="ALL">all runs</option></select></label>
      <${Choice} label="Group by" value=${group} none="nothing" kinds=${["attributes", "params", "tags"]}
        known=${known} onChoose=${(name) => push({ group: name })} />
      ${
        group &&
        html`<select aria-label="Figure of a group" value=${figure}
          onChange=${(event) => push({ figure: event.target.value === "mean" ? "" : event.target.value })}>
        ${FIGURES.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select>`
      }
      ${
        group &&
        html`<button aria-pressed=${opened === "1"} onClick=${() =>
          push({ opened: opened ? "" : "1" })}>Open groups</button>`
      }
      <button aria-pressed=${tree === "1" && small && !group} disabled=${Boolean(group) || !small}
        title=${small ? "Show nested runs below their parents" : `Trees are drawn of up to ${number(PAGE_MAX)} runs`}
          onClick=${() => push({ tree: tree === "1" ? "0" : "" })}>Tree</button>
      ${
        picked.size > 0 &&
        html`<${Selection} picked=${picked} asked=${asked} experimentId=${experiment.experiment_id} view=${view}
        onClear=${() => setQuery({ sel: "" })}
        onDone=${(cleared, done) => {
          setDone(done && { ...done, sel: cleared ? "" : sel });
          if (cleared) setQuery({ sel: "" });
          table.reload();
        }} />`
      }
      <span class="done" role="status">${
        done &&
        html`${done.text} ${
          done.undo &&
          html`<button class="plain" onClick=${() => {
            setDone(null);
            done.undo().then(table.reload);
          }}>Undo</button>`
        }`
      }</span>
      <span class="grow"></span>
      <span class="quiet" role="status">${saving}</span>
      <button title="All rows that match, with these columns" onClick=${download}>CSV</button>
      <${Columns} known=${known} columns=${columns} pins=${pins} />
    </div>
  `;
}
