/** The runs of an experiment: a table, and beside it their curves, parallel coordinates or a scatter plot. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { groupsOf, treeOf } from "../lib/arrange.js";
import { strokesOf, strokesOfGroups } from "../lib/colour.js";
import { useData } from "../lib/data.js";
import { askedOf, EXPERIMENT, experimentNames, linesOf } from "../lib/fields.js";
import { number } from "../lib/format.js";
import { isCounted, useGrouped } from "../lib/grouped.js";
import { useLive, useLook } from "../lib/live.js";
import { at } from "../lib/past.js";
import { link, route, setQuery } from "../lib/route.js";
import { Picked } from "../lib/picked.js";
import { PAGE, PAGE_MAX, useRows, WHOLE_MAX } from "../lib/rows.js";
import { useTitle } from "../lib/title.js";
import { candidatesOf, usualColumns } from "../lib/usual.js";
import { Also, alsoOf } from "../parts/also.js";
import { Charts } from "../parts/charts.js";
import { explored, neededBy, ParallelView, ScatterView, useBrushed } from "../parts/explore.js";
import { Grid } from "../parts/grid.js";
import { Title } from "../parts/long.js";
import { Query } from "../parts/query.js";
import { SHOWS, Switch, Toolbar } from "../parts/runbar.js";
import { Empty, Failed, Loading, NotYet } from "../parts/states.js";
import { Views } from "../parts/views.js";

// How many runs are drawn while none is selected.
const DRAWN = ["10", "100", "1000"];
// As many groups are drawn at most, each of all its runs.
const GROUPS_MAX = 1000;

export function Runs({ experimentId }) {
  const experiments = useData(["experiments"], (options) => get("experiments", {}, options));
  const all = experiments.data?.experiments || NOTHING;
  const also = alsoOf(route.value.query.also, experimentId, all).join();
  const ids = useMemo(() => [experimentId, ...also.split(",").filter(Boolean)], [experimentId, also]);
  const known = useData(experiments.data || !route.value.query.also ? ["columns", ids] : null, (options) =>
    get("columns", { experiment_ids: ids }, options),
  );
  useEffect(() => {
    experimentNames.value = new Map(all.map(({ experiment_id: id, name }) => [id, name]));
  }, [all]);
  useLive((stream) => stream.startsWith("run/"), known.reload, 3000);
  useLive((stream) => stream === `experiment/${experimentId}`, experiments.reload, 1000);
  const experiment = all.find(({ experiment_id: id }) => id === experimentId);
  const error = experiments.error && !experiments.data ? experiments : known.error && !known.data ? known : null;
  if (at.value && (error?.error.status === 404 || (experiments.data && !experiment)))
    return html`<main><${NotYet} /></main>`;
  if (error) return html`<main><${Failed} error=${error.error} retry=${error.reload} /></main>`;
  if (!experiments.data || !known.data) return html`<main><${Loading} what="Looking for the experiment" /></main>`;
  if (!experiment)
    return html`<main><${Empty} title="There is no such experiment.">
      <a href=${link(["experiments"])}>All experiments</a><//></main>`;
  return html`<main><${Shown} experiment=${experiment} ids=${ids} all=${all} known=${known.data} /></main>`;
}

/** The state of the page, all of which stands in the address line. Without `columns`, they choose themselves. */
function useAddress() {
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
    opened = "",
    brush = "",
  } = route.value.query;
  const { show: asked = "curves", draw = DRAWN[0] } = route.value.query;
  const show = SHOWS.some(([name]) => name === asked) ? asked : "curves";
  const columns = cols !== undefined ? linesOf(cols) : null;
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
    opened,
    brush,
    show,
    draw,
  };
}

function Shown({ experiment, ids, all, known }) {
  const address = useAddress();
  const { q, order, pins, sel, view, tree, group, figure, opened, brush, show, draw } = address;
  const candidates = useMemo(() => candidatesOf(known), [known]);
  const seen = explored(known);
  const asked = {
    experiment_ids: ids,
    filter: q,
    order_by: linesOf(order),
    run_view_type: view || "ACTIVE_ONLY",
    columns: askedOf([...new Set([...(address.columns || candidates), group, ...neededBy(show, seen)])]),
  };
  const runs = all.reduce((sum, { experiment_id: id, runs }) => sum + (ids.includes(id) ? runs : 0), 0);
  const small = runs <= PAGE_MAX;
  const arranges = Boolean(group || brush || show === "parallel" || show === "scatter" || (tree === "1" && small));
  const table = useRows(asked, arranges);
  useLive((stream) => stream.startsWith("run/"), table.reload, 700);
  const running = useMemo(() => [...table.rows.values()].some(({ status }) => status === "RUNNING"), [table.rows]);
  useLook(running && small, table.reload);

  const columns = useMemo(
    () => [
      ...new Set([
        ...(ids.length > 1 ? [EXPERIMENT] : []),
        ...(address.columns || usualColumns(candidates, table.rows.values())),
      ]),
    ],
    [address.columns?.join("\n"), candidates, table.rows, ids],
  );
  const picked = useMemo(() => new Picked(sel, table.total), [sel, table.total]);
  useTitle(experiment.name);
  const [turned, setTurned] = useState(new Set());
  // Groups are closed until they are opened, nested runs open until they are closed.
  const folded = useMemo(
    () => ({ has: (id) => turned.has(id) !== (id.startsWith("group ") && opened !== "1") }),
    [turned, opened],
  );
  const whole = useMemo(() => (table.complete ? inOrder(table.rows) : null), [table.rows, table.complete]);
  const kept = useBrushed(whole || NOTHING);
  const tooMany = arranges && table.total > WHOLE_MAX;
  const counts = tooMany && !brush && isCounted(group);
  const grouped = useGrouped(counts ? asked : null, group, columns, whole, folded);
  const arranged = useMemo(() => {
    if (!whole || counts) return null;
    const within = whole.filter((_, at) => kept[at]);
    if (group) return groupsOf(within, group, columns, folded);
    return tree === "1" && small ? treeOf(within, folded) : within;
  }, [whole, kept, tree, small, group, folded, columns.join("\n"), counts]);
  const rows = grouped.rows || arranged;
  const partial = tooMany && partOf(counts, group, grouped.total, show, table.total);
  const rowAt = (at) => (rows ? rows.at(at) : table.rows.get(at));
  const total = rows ? rows.length : table.total;
  const fold = (id) =>
    setTurned((old) => (old.has(id) ? new Set([...old].filter((other) => other !== id)) : new Set(old).add(id)));
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
  const groups = useGroups(group && (grouped.rows?.headers || arranged), show);
  const isOfSelected = drawn.length > 0 && !picked.all && picked.has(drawn[0].run_id);
  // A filter that cannot be read is told of at its box.
  const unread = table.error?.status === 400;

  const lines = show === "curves" ? drawn.map((row) => row.run_id) : [];
  const strokes = groups ? strokesOfGroups(groups.groups) : strokesOf(lines);

  const grid = html`<${Grid} total=${total} rowAt=${rowAt} see=${grouped.rows?.see || table.see} columns=${columns}
    pins=${pins}
    order=${order} figure=${figure}
    onOrder=${(next) => setQuery({ order: next }, { push: true })} picked=${picked} onPick=${chosen}
      onPickAll=${pickAll} allPicked=${everything}
    drawn=${strokes}
    part=${tooMany} folded=${folded} onFold=${fold} />`;
  const selected = isOfSelected ? drawn.length : 0;
  const lead = groups ? null : html`<${Drawn} selected=${selected} draw=${draw} many=${many} />`;
  const pane = { rows: whole, known, view: seen, title: experiment.name, kept, picked };
  return html`
    <div class="bar headline">
      <div class="crumbs"><a href=${link(["experiments"])}>Experiments</a> /</div>
      <h1><${Title} text=${experiment.name} /></h1>
      <${Also} own=${experiment.experiment_id} also=${ids.slice(1)} experiments=${all} />
      <a href=${link(["traces"], { experiment: experiment.experiment_id })}>Traces</a>
      <span class="grow"></span>
      <${Views} experiment=${experiment} />
      <${Switch} show=${show} />
    </div>
    <${Query} q=${q} known=${known} rows=${table.rows} error=${unread ? table.error : null} />
    ${table.remark && html`<p class="state">${table.remark}</p>`}
    ${table.error && !unread && html`<${Failed} error=${table.error} retry=${table.reload} />`}
    <${Toolbar} address=${{ ...address, columns }} picked=${picked} known=${known} total=${many} table=${table}
      asked=${asked}
      small=${small} experiment=${experiment} whole=${brush ? loaded : null} />
    ${partial && html`<p class="quiet">${partial} A filter makes them fewer.</p>`}
    ${counts && !grouped.rows && !grouped.error && html`<${Loading} what="Counting the runs of each group" />`}
    ${grouped.error && html`<${Failed} error=${grouped.error} />`}
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
          ${groups?.note && html`<p class="quiet">${groups.note}</p>`}
          <${Charts} runs=${groups ? groups.runs : drawn} groups=${groups?.groups} keys=${known.metrics}
            lead=${lead} /></div>`
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

/** What the page shows of a part of the runs or groups only; "" for nothing. */
function partOf(counts, group, groups, show, total) {
  const part = `of the first ${number(WHOLE_MAX)} of the ${number(total)} runs that match.`;
  if (!counts)
    return group ? `Groups, with their counts and means, are ${part}` : `Trees, ranges and plots are ${part}`;
  const most = groups > GROUPS_MAX ? `The ${number(GROUPS_MAX)} largest of ${number(groups)} groups are shown. ` : "";
  return `${most}${show === "curves" ? `Groups have all their runs; curves are ${part}` : ""}`;
}

/** Which runs are drawn: those that are selected, or the first of the table. */
function Drawn({ selected, draw, many }) {
  if (selected) return html`<span class="quiet">${number(selected)} drawn</span>`;
  if (!(many > Number(DRAWN[0]))) return null;
  return html`<select aria-label="How many runs are drawn" value=${draw}
    onChange=${(event) => setQuery({ draw: event.target.value }, { push: true })}>
    ${DRAWN.map((count) => html`<option value=${count}>first ${number(Number(count))}</option>`)}</select>`;
}

/** The groups of the table as charts draw them, with a note where they are but a part. */
function useGroups(arranged, show) {
  return useMemo(() => {
    if (!arranged || show !== "curves") return null;
    const all = arranged.filter((row) => row.group && row.rows.length);
    const groups = all.slice(0, GROUPS_MAX).map((group) => ({
      id: group.run_id,
      label: group.value === undefined ? "not set" : String(group.value),
      runs: group.rows,
    }));
    const runs = groups.flatMap((group) => group.runs);
    const note =
      all.length > GROUPS_MAX && `Curves are of the first ${number(GROUPS_MAX)} of ${number(all.length)} groups.`;
    return { groups, runs, note };
  }, [arranged, show]);
}

const NOTHING = [];
const inOrder = (rows) => [...rows.keys()].sort((a, b) => a - b).map((at) => rows.get(at));

/** Selects and unselects: one, all from the last one to this, or those of a group. */
function useChosen(picked, rowAt, total) {
  const last = useRef(null);
  return (at, { range = false } = {}) => {
    const row = rowAt(at);
    if (!row) return;
    if (row.counted) return; // more runs than there are rows here
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

const Nothing = ({ q, view }) => html`
  <${Empty} title=${q ? "No run matches." : view === "DELETED_ONLY" ? "No run is deleted." : "No runs yet."}>
    ${
      q
        ? html`<p>Filters look like <code>${"metrics.loss < 0.1 AND tags.team = 'blue'"}</code>.</p>
          <button onClick=${() => setQuery({ q: "" }, { push: true })}>Show all runs</button>`
        : view === "DELETED_ONLY"
          ? html`<button onClick=${() => setQuery({ view: "" }, { push: true })}>Show active runs</button>`
          : html`<p>Runs that are logged to this experiment appear here by themselves.</p>
            <button onClick=${() => setQuery({ view: "DELETED_ONLY" }, { push: true })}>Show deleted runs</button>`
    }
  <//>
`;
