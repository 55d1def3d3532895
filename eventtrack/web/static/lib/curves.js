/** Curves of many runs and metrics for one chart: they come page by page, and anew only where something was logged. */
import { useLive } from "./live.js";
import { at } from "./past.js";
import { PAUSE, usePieces } from "./pieces.js";
import { curvesOf } from "./together.js";
import { useEffect, useRef } from "./ui.js";

const NONE = { curves: new Map(), low: 0, high: 0, width: 0, x: "", smoothing: "" };
// As many curves are asked for at once; bars of groups may have tens of thousands.
const CURVES = 5000;
// Buckets are so many steps or milliseconds wide; relative times are in seconds.
const SCALE = { step: 1, time: 1, relative: 1000 };

/** How curves are smoothed, as a text: `useCurves` marks those that the server smoothed with it. */
export const smoothingOf = ({ smooth = 0, kind = "" }) => `${smooth} ${smooth && kind}`;

/**
 * @param {{run_ids: string[], keys: string[], x: string, buckets: number, low?: number, high?: number, smooth?: number,
 *   kind?: string, forks?: Record<string, number>}} asked
 * @param {boolean} seen whether the chart is in sight: otherwise nothing is asked for
 * @returns {{curves: Map<string, import("./api.js").Curve>, low: number, high: number, done: boolean, error: any,
 *   reload: () => void}}
 *   `done` is false as long as some of the curves are those of before, or missing
 */
export function useCurves(asked, seen) {
  const { smooth, kind, ...fixed } = asked;
  const text = seen ? JSON.stringify([at.value, fixed]) : null;
  const smoothing = smoothingOf(asked);
  const known = useRef(NONE);

  /** Ask for the curves of some runs, by default of all. */
  const read = async (tell, signal, some) => {
    const runs = some || asked.run_ids;
    const each = Math.max(Math.floor(CURVES / asked.keys.length), 1);
    let [place, start] = [0, 0];
    let width = some ? known.current.width : 0;
    let extent = some && [known.current.low, known.current.high];
    while (place < runs.length) {
      const of = runs.length > each ? runs.slice(place, place + each) : runs;
      const page = await curvesOf({ ...asked, run_ids: of, start, width }, signal);
      if (signal.aborted) return;
      if (page.next === start) continue; // the answer was long enough without this chart
      width = page.width;
      [place, start] = page.next === null ? [place + each, 0] : [place, page.next];
      if (!extent) extent = [page.low, page.high];
      else if (page.series.length) extent = [Math.min(extent[0], page.low), Math.max(extent[1], page.high)];
      const [low, high] = extent;
      const done = place >= runs.length;
      tell((old) => {
        // What was drawn stays until what takes its place has come, if it is over the same axis.
        const curves = new Map(old.x === asked.x ? old.curves : []);
        for (const curve of page.series) curves.set(curveId(curve.run_id, curve.key), { ...curve, smoothing });
        if (done && !some) for (const id of missing(curves, asked)) curves.delete(id);
        const now = { curves, low, high, width, x: asked.x };
        return { ...now, smoothing: some ? old.smoothing : smoothing, done: some ? old.done : done };
      });
    }
  };
  const { state, busy, load, reload } = usePieces(NONE, text, read);
  known.current = state;
  // What changed while curves are under way is asked for when they are here. Asked for at once, it would stop
  // them, and changes that come faster than answers would leave the chart empty.
  const held = useRef(new Set());

  /** Ask for what changed: a set of streams, or null for all. */
  const follow = (changed) => {
    const { low, high, width, done, x } = known.current;
    const outgrown = width && (high - low) * SCALE[x] > 2 * width * asked.buckets;
    if (changed === null || !done || outgrown) load();
    else load([...changed].map((stream) => stream.slice(4)));
  };
  useEffect(() => {
    const changed = held.current;
    if (busy.current || changed?.size === 0) return;
    held.current = new Set();
    if (text !== null) follow(changed);
  }, [state]);

  // Curves of which all points are here are smoothed here; those of which there are more, by the server.
  const rough = state.done && smooth > 0 && state.smoothing !== smoothing && [...state.curves.values()].some(isPart);
  useEffect(() => {
    if (!rough) return undefined;
    const timer = setTimeout(load, PAUSE);
    return () => clearTimeout(timer);
  }, [rough, smoothing, load]);

  const ids = useRef({});
  useLive(
    (stream) => {
      if (ids.current.of !== asked.run_ids) ids.current = { of: asked.run_ids, known: new Set(asked.run_ids) };
      return seen && ids.current.known.has(stream.slice(4));
    },
    (changed) => {
      if (text === null) return;
      if (!busy.current) follow(changed);
      else if (changed === null || held.current === null) held.current = null;
      else for (const stream of changed) held.current.add(stream);
    },
  );
  return { ...state, reload };
}

/** The key under which the curve of a metric of a run is kept. */
export const curveId = (runId, key) => `${runId}\n${key}`;

const isPart = ({ x, points }) => x.length < points;

/** Curves that are not asked for any more. */
function missing(curves, { run_ids, keys }) {
  const [runs, metrics] = [new Set(run_ids), new Set(keys)];
  return [...curves].filter(([, curve]) => !runs.has(curve.run_id) || !metrics.has(curve.key)).map(([id]) => id);
}
