/**
 * What a person arranged on the page of an experiment: the query of its address, which a link
 * carries, this browser keeps, and a saved view names for everybody (events of the experiment).
 */
import { change, get } from "./api.js";
import { useData } from "./data.js";
import { useLive } from "./live.js";
import { at } from "./past.js";
import { route, setQuery } from "./route.js";
import { useEffect, useLayoutEffect, useRef } from "./ui.js";

// What is of the moment: what was selected, zoomed to or opened, when, and the name of the view itself.
const PASSING = ["at", "sel", "zoom", "full", "find", "saved"];
/** The view that is shown to those who come without another. */
export const DEFAULT = "default";

/** The part of a query that a view keeps, in an order of its own. */
export function arrangementOf(query) {
  const kept = Object.entries(query).filter(([name]) => !PASSING.includes(name));
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const sameView = (a, b) => JSON.stringify(arrangementOf(a)) === JSON.stringify(arrangementOf(b));

/** Arrange the page as a view says, and as nothing else said. */
export function apply(view, name, { push = false } = {}) {
  const { at: _, ...before } = route.peek().query;
  const emptied = Object.fromEntries(Object.keys(before).map((key) => [key, ""]));
  setQuery({ ...emptied, ...arrangementOf(view), saved: name }, { push });
}

// Every store has an experiment 0; which one it is, the time of its making says.
const keyOf = ({ experiment_id: id, creation_time: made }) => `eventtrack.runs.${id}.${made}`;

/** The arrangement that this browser keeps; null if there is none. */
function kept(experiment) {
  try {
    const view = JSON.parse(localStorage.getItem(keyOf(experiment)));
    return view && typeof view === "object" && Object.values(view).every((value) => typeof value === "string")
      ? view
      : null;
  } catch {
    return null; // nothing is kept for pages here, or somebody else wrote it
  }
}

function keep(experiment, query) {
  const view = arrangementOf(query);
  try {
    if (!Object.keys(view).length) localStorage.removeItem(keyOf(experiment));
    else localStorage.setItem(keyOf(experiment), JSON.stringify({ ...view, saved: query.saved || "" }));
  } catch {
    // Full, or not allowed: the address has it all.
  }
}

const isBare = (query) => Object.keys(arrangementOf(query)).length === 0;

/**
 * The saved views of an experiment. Who comes with a bare address finds the page as it was left, else as
 * the view `default` has it; an address that only names a view is filled in.
 * @returns {{views: {name: string, view: Record<string, string>}[], error: any, reload: () => void}}
 */
export function useViews(experiment) {
  const { experiment_id: experimentId } = experiment;
  // Those of now, also where the page shows the past: they say how to look, not what was.
  const asked = useData(
    ["views", experimentId],
    (options) => get("experiments/views", { experiment_id: experimentId, at: "" }, options),
    { always: true },
  );
  useLive((stream) => stream === `experiment/${experimentId}`, asked.reload, 500);
  const { query } = route.value;
  const first = useRef(query);
  const views = asked.data?.views || [];
  useLayoutEffect(() => {
    const mine = isBare(query) && !query.saved && !at.value && kept(experiment);
    if (!mine) return;
    apply(mine, mine.saved || "");
    first.current = route.peek().query;
  }, []);
  const arrived = useRef(false);
  useEffect(() => {
    if (!asked.data) return;
    const wanted = query.saved || (arrived.current ? "" : DEFAULT);
    arrived.current = true;
    const view = isBare(query) && views.find(({ name }) => name === wanted);
    if (!view) return;
    apply(view.view, view.name);
    first.current = route.peek().query;
  }, [asked.data, query.saved]);
  useEffect(() => {
    // A link that was only looked at takes nothing away.
    if (query !== first.current && !sameView(query, first.current) && !at.value) {
      keep(experiment, query);
      first.current = query;
    }
  }, [query]);
  return { views, error: asked.error, reload: asked.reload };
}

export const save = (experimentId, name, query) =>
  change("experiments/save-view", { experiment_id: experimentId, name, view: JSON.stringify(arrangementOf(query)) });

export const remove = (experimentId, name) => change("experiments/delete-view", { experiment_id: experimentId, name });
