/** The runs of an experiment: a table, and beside it their curves, parallel coordinates or a scatter plot. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { groupsOf, treeOf } from "../lib/arrange.js";
import { strokesOf } from "../lib/colour.js";
import { useData } from "../lib/data.js";
import { csvOf, saveCsv } from "../lib/download.js";
import { askedOf, linesOf } from "../lib/fields.js";
import { count, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { at } from "../lib/past.js";
import { link, route, setQuery } from "../lib/route.js";
import { Picked } from "../lib/picked.js";
import { allRows, PAGE, PAGE_MAX, useRows, WHOLE_MAX } from "../lib/rows.js";
import { useTitle } from "../lib/title.js";
import { Charts } from "../parts/charts.js";
import { Choice } from "../parts/choice.js";
import { Columns } from "../parts/columns.js";
import { explored, neededBy, ParallelView, ScatterView, useBrushed } from "../parts/explore.js";
import { Grid } from "../parts/grid.js";
import { Query } from "../parts/query.js";
import { Selection } from "../parts/selection.js";
import { Empty, Failed, Loading, NotYet } from "../parts/states.js";

// How many runs are drawn while none is selected, and columns that are shown while none is chosen.
const DRAWN = ["10", "100", "1000"];
const COLUMNS = { metrics: 4, params: 4 };
const SHOWS = [
  ["curves", "Curves"],
  ["parallel", "Parallel"],
  ["scatter", "Scatter"],
  ["table", "Table only"],
];

export function Runs({ experimentId }) {
  const experiments = useData(["experiments"], (options) => get("experiments", {}, options));
  const known = useData(["columns", experimentId], (options) =>
    get("columns", { experiment_ids: [experimentId] }, options),
  );
  useLive((stream) => stream.startsWith("run/"), known.reload, 3000);
  useLive((stream) => stream === `experiment/${experimentId}`, experiments.reload, 1000);
  const experiment = experiments.data?.experiments.find((experiment) => experiment.experiment_id === experimentId);
  const error = experiments.error && !experiments.data ? experiments : known.error && !known.data ? known : null;
  if (at.value && (error?.error.status === 404 || (experiments.data && !experiment)))
    return html`<main><${NotYet} /></main>`;
  if (error) return html`<main><${Failed} error=${error.error} retry=${error.reload} /></main>`;
  if (!experiments.data || !known.data) return html`<main><${Loading} what="Looking for the experiment" /></main>`;
  if (!experiment)
    return html`<main><${Empty} title="There is no such experiment.">
      <a href=${link(["experiments"])}>All experiments</a><//></main>`;
  return html`<main><${Shown} experiment=${experiment} known=${known.data} /></main>`;
}

/** The state of the page, all of which stands in the address line. */
function useAddress(known) {
  const {
    q = "",
    order = "",
    cols,
    pins = "",
    sel = "",
    view = "",
    tree = "1",
    group = "",
    figure = "mean",
    brush = "",
  } = route.value.query;
  const { show: asked = "curves", draw = DRAWN[0] } = route.value.query;
  const show = SHOWS.some(([name]) => name === asked) ? asked : "curves";
  const columns = cols !== undefined ? linesOf(cols) : usual(known);
  return {
    q,
    order,
    columns,
    pins: linesOf(pins),
    sel,
    view,
    tree,
    group,
    figure,
    brush,
    show,
    draw,
  };
}

function Shown({ experiment, known }) {
  const address = useAddress(known);
  const { q, order, columns, pins, sel, view, tree, group, figure, brush, show, draw } = address;
  const seen = explored(known);
  const asked = {
    experiment_ids: [experiment.experiment_id],
    filter: q,
    order_by: linesOf(order),
    run_view_type: view || "ACTIVE_ONLY",
    columns: askedOf([...new Set([...columns, group, ...neededBy(show, seen)])]),
  };
  const small = experiment.runs <= PAGE_MAX;
  const arranges = Boolean(group || brush || show === "parallel" || show === "scatter" || (tree === "1" && small));
  const table = useRows(asked, arranges);
  useLive((stream) => stream.startsWith("run/"), table.reload, 700);

  const picked = useMemo(() => new Picked(sel, table.total), [sel, table.total]);
  useTitle(experiment.name);
  const [folded, setFolded] = useState(new Set());
  const whole = useMemo(() => (table.complete ? inOrder(table.rows) : null), [table.rows, table.complete]);
  const kept = useBrushed(whole || NOTHING);
  const arranged = useMemo(() => {
    if (!whole) return null;
    const within = whole.filter((_, at) => kept[at]);
    if (group) return groupsOf(within, group, columns, folded);
    return tree === "1" && small ? treeOf(within, folded) : within;
  }, [whole, kept, tree, small, group, folded, columns.join("\n")]);
  const rowAt = (at) => (arranged ? arranged[at] : table.rows.get(at));
  const total = arranged ? arranged.length : table.total;
  const fold = (id) =>
    setFolded((old) => (old.has(id) ? new Set([...old].filter((other) => other !== id)) : new Set(old).add(id)));
  const chosen = useChosen(picked, rowAt, total);
  const loaded = whole ? whole.filter((_, at) => kept[at]) : inOrder(table.rows);
  const many = brush && whole ? loaded.length : table.total;
  const drawn =
    picked.ids.size && !picked.all
      ? inOrder(table.rows).filter((row) => picked.has(row.run_id))
      : loaded.slice(0, Number(draw) || 0);
  const more = show === "curves" && !picked.size && !whole ? Math.min(Number(draw) || 0, table.total || 0) : 0;
  useEffect(() => {
    if (more > PAGE) table.see(0, more);
  }, [more, table.see]);
  const everything = picked.size > 0 && loaded.every((row) => picked.has(row.run_id));
  // All that match, also those that were never in sight.
  const pickAll = () =>
    setQuery({
      sel: everything
        ? ""
        : brush && whole
          ? picked.changed(
              loaded.map((row) => row.run_id),
              true,
            )
          : "*",
    });
  // A filter that cannot be read is told of at its box.
  const unread = table.error?.status === 400;
  const tooMany = arranges && table.total > WHOLE_MAX;

  const grid = html`<${Grid} total=${total} rowAt=${rowAt} see=${table.see} columns=${columns} pins=${pins}
    order=${order} figure=${figure}
    onOrder=${(next) => setQuery({ order: next }, { push: true })} picked=${picked} onPick=${chosen}
      onPickAll=${pickAll} allPicked=${everything}
    drawn=${strokesOf(show === "curves" ? drawn.map((row) => row.run_id) : [])} folded=${folded} onFold=${fold} />`;
  const pane = { rows: whole, known, view: seen, title: experiment.name, kept, picked };
  return html`
    <div class="crumbs"><a href=${link(["experiments"])}>Experiments</a> /</div>
    <h1><bdi>${experiment.name}</bdi></h1>
    <${Query} q=${q} known=${known} rows=${table.rows} error=${unread ? table.error : null} />
    ${table.error && !unread && html`<${Failed} error=${table.error} retry=${table.reload} />`}
    <${Toolbar} address=${address} picked=${picked} known=${known} total=${many} table=${table} asked=${asked}
      small=${small} experiment=${experiment} whole=${brush ? loaded : null} />
    ${
      tooMany &&
      html`<p
      class="state">Trees, groups, ranges and plots are made of up to ${number(WHOLE_MAX)} runs,
        and ${number(table.total)} match. A filter makes them fewer.</p>`
    }
    ${table.total === undefined && !table.error && html`<${Loading} what="Searching" />`}
    ${table.total === 0 && html`<${Nothing} q=${q} view=${view} />`}
    ${
      table.total > 0 &&
      html`
      <div class=${`split is-${show}`} aria-busy=${!table.fresh}>
        ${
          show === "parallel" &&
          (whole
            ? html`<${ParallelView} ...${pane} />`
            : html`<div class="explore">
          <${Loading} what="Reading all runs" /></div>`)
        }
        <div class="side">${
          total === 0
            ? html`<${Empty} title="No run is within the ranges.">
          <button onClick=${() => setQuery({ brush: "" }, { push: true })}>Clear ranges</button><//>`
            : grid
        }</div>
        ${
          show === "curves" &&
          html`<div class="side">
          <p class="quiet bar">${
            drawn.length && picked.has(drawn[0].run_id) && !picked.all
              ? `Curves of the ${number(drawn.length)} selected`
              : many > Number(DRAWN[0])
                ? html`Curves of the first <select aria-label="How many runs are drawn" value=${draw}
            onChange=${(event) => setQuery({ draw: event.target.value }, { push: true })}>
              ${DRAWN.map(
                (count) => html`<option value=${count}>
              ${number(Number(count))}</option>`,
              )}</select> runs: select others in the table`
                : "Curves of all runs"
          }</p>
          <${Charts} runs=${drawn} keys=${known.metrics} /></div>`
        }
        ${
          show === "scatter" &&
          (whole
            ? html`<${ScatterView} ...${pane} />`
            : html`<div class="explore">
          <${Loading} what="Reading all runs" /></div>`)
        }
      </div>`
    }
  `;
}

const NOTHING = [];
const inOrder = (rows) => [...rows.keys()].sort((a, b) => a - b).map((at) => rows.get(at));

/** Selects and unselects: one, all from the last one to this, or those of a group. */
function useChosen(picked, rowAt, total) {
  const last = useRef(null);
  return (at, { range = false } = {}) => {
    const row = rowAt(at);
    if (!row) return;
    const ids = row.group ? row.rows.map((run) => run.run_id) : [row.run_id];
    if (range && last.current !== null && last.current < total) {
      const [low, high] = [Math.min(at, last.current), Math.max(at, last.current)];
      const between = Array.from({ length: high - low + 1 }, (_, place) => rowAt(low + place));
      setQuery({
        sel: picked.changed(
          between.filter((row) => row && !row.group).map((row) => row.run_id),
          true,
        ),
      });
    } else setQuery({ sel: picked.changed(ids, !ids.every((id) => picked.has(id))) });
    last.current = at;
  };
}

function Toolbar({ address, picked, known, total, table, asked, small, experiment, whole }) {
  const { columns, pins, view, tree, group, figure, show } = address;
  const [saving, setSaving] = useState("");
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
      <${Selection} picked=${picked} asked=${asked} experimentId=${experiment.experiment_id} view=${view}
        onClear=${() => setQuery({ sel: "" })}
        onDone=${(cleared) => {
          if (cleared) setQuery({ sel: "" });
          table.reload();
        }} />
      <span class="grow"></span>
      <span class="switch" role="group" aria-label="What is shown">${SHOWS.map(
        ([value, name]) => html`
        <button key=${value} aria-pressed=${show === value} onClick=${() =>
          push({ show: value === "curves" ? "" : value })}>${name}</button>`,
      )}</span>
    </div>
    <div class="bar tools">
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
        <option value="mean">mean</option><option value="min">min</option>
          <option value="max">max</option></select>`
      }
      <button aria-pressed=${tree === "1" && small && !group} disabled=${Boolean(group) || !small}
        title=${small ? "Show nested runs below their parents" : `Trees are drawn of up to ${number(PAGE_MAX)} runs`}
          onClick=${() => push({ tree: tree === "1" ? "0" : "" })}>Tree</button>
      <span class="grow"></span>
      <span class="quiet" role="status">${saving}</span>
      <button title="All rows that match, with these columns" onClick=${download}>CSV</button>
      <${Columns} known=${known} columns=${columns} pins=${pins} />
    </div>
  `;
}

const Nothing = ({ q, view }) => html`
  <${Empty} title=${q ? "No run matches." : view === "DELETED_ONLY" ? "No run is deleted." : "No runs yet."}>
    ${
      q
        ? html`<p>Filters look like <code>${"metrics.loss < 0.1 AND tags.team = 'blue'"}</code>.</p>
          <button onClick=${() => setQuery({ q: "" }, { push: true })}>Show all runs</button>`
        : html`<p>Runs that are logged to this experiment appear here by themselves.</p>`
    }
  <//>
`;

const usual = (known) => [
  ...known.metrics
    .filter((key) => !key.startsWith("system/"))
    .slice(0, COLUMNS.metrics)
    .map((key) => `metrics.${key}`),
  ...known.params.slice(0, COLUMNS.params).map((key) => `params.${key}`),
];
