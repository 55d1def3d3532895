/** The runs of an experiment: a table, and beside it the curves of those that are selected. */
import { html, useEffect, useMemo, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { number } from "../lib/format.js";
import { TREE_MAX, PAGE, treeOf, useRows } from "../lib/rows.js";
import { Charts } from "../parts/charts.js";
import { Grid } from "../parts/grid.js";
import { Empty, Failed, Loading } from "../parts/states.js";

// Runs that are drawn while none is selected, and columns that are shown while none is chosen.
const DRAWN = 10;
const COLUMNS = { metrics: 4, params: 4 };

export function Runs({ experimentId }) {
  const { q = "", order = "", cols, sel = "", charts = "1", view = "", tree = "1" } = route.value.query;
  const experiments = useData(["experiments"], (options) => get("experiments", {}, options));
  const known = useData(["columns", experimentId], (options) => get("columns", { experiment_ids: [experimentId] }, options));
  const columns = cols !== undefined ? cols.split("\n").filter(Boolean) : usual(known.data);
  const wide = useWide();
  const asked = {
    experiment_ids: [experimentId], filter: q, order_by: order ? [order] : [], columns, run_view_type: view || "ACTIVE_ONLY",
  };
  const experiment = experiments.data?.experiments.find((one) => one.experiment_id === experimentId);
  const small = (experiment?.runs ?? Infinity) <= TREE_MAX;
  const table = useRows(asked, small ? TREE_MAX : PAGE);
  useLive((stream) => stream.startsWith("run/"), table.reload, 700);
  useLive((stream) => stream.startsWith("run/"), known.reload, 3000);

  const [folded, setFolded] = useState(new Set());
  const arranged = useMemo(
    () => (tree === "1" && small && table.total !== undefined ? treeOf([...table.rows.values()], folded) : null),
    [table.rows, tree, small, folded],
  );
  const rowAt = (at) => (arranged ? arranged[at] : table.rows.get(at));
  const picked = new Set(sel.split(",").filter(Boolean));
  const pick = ({ run_id }) => {
    picked.has(run_id) ? picked.delete(run_id) : picked.add(run_id);
    setQuery({ sel: [...picked].join(",") });
  };
  const fold = (id) => setFolded((old) => (old.has(id) ? new Set([...old].filter((one) => one !== id)) : new Set(old).add(id)));
  const loaded = [...table.rows.values()];
  const drawn = picked.size ? loaded.filter((row) => picked.has(row.run_id)) : loaded.slice(0, DRAWN);
  const shows = charts === "1" && wide;

  if (experiments.error && !experiments.data) return html`<main><${Failed} error=${experiments.error} retry=${experiments.reload} /></main>`;
  if (!experiments.data) return html`<main><${Loading} what="Looking for the experiment" /></main>`;
  if (!experiment) return html`<main><${Empty} title="There is no such experiment."><a href=${link([])}>All experiments</a><//></main>`;
  return html`
    <main>
      <div class="crumbs"><a href=${link([])}>Experiments</a> /</div>
      <h1>${experiment.name}</h1>
      <${Query} q=${q} />
      ${table.error && html`<p class="problem" role="alert">${table.error.message} ${table.error.hint || ""}</p>`}
      <div class="bar">
        <span class="quiet" aria-live="polite">${table.total === undefined ? "" : `${number(table.total)} run${table.total === 1 ? "" : "s"}`}${picked.size ? `, ${number(picked.size)} selected` : ""}</span>
        <a class="button" href=${link(["compare"], { runs: [...picked].join(",") })} hidden=${picked.size < 2}><button>Compare</button></a>
        <button hidden=${!picked.size} onClick=${() => setQuery({ sel: "" })}>Clear</button>
        <span class="grow"></span>
        <label class="check"><select aria-label="Which runs" value=${view} onChange=${(event) => setQuery({ view: event.target.value }, { push: true })}>
          <option value="">active</option><option value="DELETED_ONLY">deleted</option><option value="ALL">all</option></select></label>
        <button aria-pressed=${tree === "1" && small} disabled=${!small} title=${small ? "Show nested runs below their parents" : `Trees are drawn of up to ${TREE_MAX} runs`}
          onClick=${() => setQuery({ tree: tree === "1" ? "0" : "" }, { push: true })}>Tree</button>
        <${Picker} known=${known.data} columns=${columns} />
        <button aria-pressed=${charts === "1"} onClick=${() => setQuery({ charts: charts === "1" ? "0" : "" }, { push: true })}>Charts</button>
      </div>
      ${table.total === undefined && !table.error && html`<${Loading} what="Searching" />`}
      ${table.total === 0 && html`<${Nothing} q=${q} view=${view} />`}
      ${table.total > 0 && html`
        <div class=${`split${shows ? "" : " alone"}`}>
          <${Grid} total=${arranged ? arranged.length : table.total} rowAt=${rowAt} see=${table.see} columns=${columns} order=${order}
            onOrder=${(next) => setQuery({ order: next }, { push: true })} picked=${picked} onPick=${pick}
            drawn=${new Set(charts === "1" ? drawn.map((row) => row.run_id) : [])} folded=${folded} onFold=${fold} />
          ${charts === "1" && html`<div>
            <p class="quiet bar">${picked.size ? `Curves of the ${number(drawn.length)} selected` : drawn.length < table.total ? `Curves of the first ${number(drawn.length)}: select others in the table` : "Curves of all runs"}</p>
            <${Charts} runs=${drawn} keys=${known.data?.metrics || []} /></div>`}
        </div>`}
    </main>
  `;
}

/** Sent when it is left or entered, not with each letter: half a filter is an error. */
function Query({ q }) {
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const send = (event) => {
    event.preventDefault();
    setQuery({ q: text.trim() }, { push: true });
  };
  return html`
    <form class="bar" onSubmit=${send}>
      <label class="grow"><span class="unseen">Filter in MLflow's language</span>
        <input type="search" data-focus value=${text} spellcheck="false" autocomplete="off"
          placeholder="metrics.loss < 0.1 AND params.lr = '0.01'" onInput=${(event) => setText(event.target.value)}
          onSearch=${(event) => !event.target.value && setQuery({ q: "" }, { push: true })} /></label>
      <button>Search</button>
    </form>
  `;
}

function Picker({ known, columns }) {
  const [open, setOpen] = useState(false);
  const [find, setFind] = useState("");
  const chosen = new Set(columns);
  const toggle = (name) => {
    chosen.has(name) ? chosen.delete(name) : chosen.add(name);
    // One line break says that none was chosen on purpose.
    setQuery({ cols: [...chosen].join("\n") || "\n" });
  };
  const groups = Object.entries(known || {}).map(([kind, keys]) => [kind, keys.filter((key) => key.toLowerCase().includes(find.toLowerCase())).slice(0, 200)]);
  return html`
    <div class="popup" onKeyDown=${(event) => event.key === "Escape" && setOpen(false)}>
      <button aria-expanded=${open} onClick=${() => setOpen(!open)}>Columns</button>
      ${open && html`<div role="dialog" aria-label="Columns of the table">
        <input type="search" placeholder="Find columns" aria-label="Find columns" value=${find} onInput=${(event) => setFind(event.target.value)} />
        ${groups.map(([kind, keys]) => keys.length > 0 && html`<fieldset key=${kind}><legend>${kind}</legend>
          ${keys.map((key) => html`<label key=${key}><input type="checkbox" checked=${chosen.has(`${kind}.${key}`)} onChange=${() => toggle(`${kind}.${key}`)} />${key}</label>`)}
        </fieldset>`)}
      </div>`}
    </div>
  `;
}

const Nothing = ({ q, view }) => html`
  <${Empty} title=${q ? "No run matches." : view === "DELETED_ONLY" ? "No run is deleted." : "No runs yet."}>
    ${q
      ? html`<p>Filters look like <code>${"metrics.loss < 0.1 AND tags.team = 'blue'"}</code>.</p><button onClick=${() => setQuery({ q: "" }, { push: true })}>Show all runs</button>`
      : html`<p>Runs that are logged to this experiment appear here by themselves.</p>`}
  <//>
`;

const usual = (known) => [
  ...(known?.metrics || []).filter((key) => !key.startsWith("system/")).slice(0, COLUMNS.metrics).map((key) => `metrics.${key}`),
  ...(known?.params || []).slice(0, COLUMNS.params).map((key) => `params.${key}`),
];

function useWide() {
  const narrow = useMemo(() => matchMedia("(max-width: 900px)"), []);
  const [wide, setWide] = useState(!narrow.matches);
  useEffect(() => {
    const follow = () => setWide(!narrow.matches);
    narrow.addEventListener("change", follow);
    return () => narrow.removeEventListener("change", follow);
  }, []);
  return wide;
}
