/** Curves as a chart draws them: colours, names and smoothing for what the server gave. */
import { meanAndBand } from "./bands.js";
import { colourAt, DASHES, strokesOf, strokesOfGroups } from "./colour.js";
import { curveId, smoothingOf } from "./curves.js";
import { forkedOf } from "./forked.js";
import { bandId } from "./groups.js";
import { smoothed } from "./smooth.js";
import { theme } from "./theme.js";
import { useMemo, useRef } from "./ui.js";

/**
 * @typedef {{id: string, label: string, runs: {run_id: string, run_name: string}[]}} Group
 * @param {Map<string, import("./api.js").Curve>} curves
 * @param {{bands: Map<string, import("./bands.js").Band>, step: number} | null} bands of the groups; null: draw
 *   groups by the curves of their runs, as bars do
 * @param {string[]} keys
 * @param {{run_id: string, run_name: string}[]} runs
 * @param {Group[] | null} groups draw the mean of each, and a band around it
 * @param {{weight: number, kind: string, spread: string, x: string}} how
 * @returns {import("../parts/painter.js").Drawn[]} a curve that is the same as before is the same object
 */
export function useDrawn(curves, bands, keys, runs, groups, how) {
  const dark = theme.value;
  const before = useRef(new Map());
  const named = groups ? "" : runs.map(textOf).join("\n");
  const text = [dark, how.weight, how.kind, how.spread, how.x, bands?.step, keys.join("\n"), named].join("\r");
  return useMemo(() => {
    const made = new Map();
    const kept = (id, source, make) => {
      const known = before.current.get(id);
      const same =
        known &&
        known.text === text &&
        known.source.length === source.length &&
        known.source.every((curve, at) => curve === source[at]);
      made.set(id, same ? known : { of: source, ...make(), source, text });
    };
    if (groups && bands) eachBand(bands, keys, groups, how, kept);
    else if (groups) eachGroup(curves, keys, groups, kept);
    else eachRun(curves, keys, runs, how, kept);
    before.current = made;
    return [...made.values()];
  }, [curves, bands?.bands, groups, text]);
}

const textOf = ({ run_id, run_name, forked }) => `${run_id} ${run_name} ${forked || ""}`;

function eachRun(curves, keys, runs, how, kept) {
  const strokes = strokesOf(runs.map((run) => run.run_id));
  const single = runs.length === 1;
  for (const { run_id: runId, run_name: name, forked } of runs) {
    const forkedAt = forkedOf(forked)?.step;
    keys.forEach((key, at) => {
      const id = curveId(runId, key);
      const curve = curves.get(id);
      if (!curve?.x.length) return;
      const stroke = strokes.get(runId);
      const run = name || runId.slice(0, 8);
      kept(id, [curve], () => ({
        runId,
        key,
        label: keys.length === 1 ? run : single ? key : `${run} · ${key}`,
        // With several metrics the dash says which; of a single run, the colour does.
        colour: single && keys.length > 1 ? colourAt(at) : stroke.colour,
        dash: single ? [] : keys.length > 1 ? DASHES[at % DASHES.length] : stroke.dash,
        forkedAt,
        fork: curve.fork ?? undefined,
        ...drawnOf(curve, how),
      }));
    });
  }
}

/** Groups with the curves of their runs, each of which is a value of a bar. */
function eachGroup(curves, keys, groups, kept) {
  const strokes = strokesOfGroups(groups);
  groups.forEach(({ id: runId, label, runs }) => {
    keys.forEach((key, at) => {
      const of = runs.map((run) => curves.get(curveId(run.run_id, key))).filter((curve) => curve?.x.length);
      if (!of.length) return;
      const { x, y } = of[0];
      kept(bandId(runId, key), of, () => ({ ...named(runId, label, key, at, keys, of.length, strokes), x, y }));
    });
  });
}

function eachBand({ bands, step }, keys, groups, how, kept) {
  const strokes = strokesOfGroups(groups);
  groups.forEach(({ id: runId, label }) => {
    keys.forEach((key, at) => {
      const id = bandId(runId, key);
      const merged = bands.get(id);
      if (!merged) return;
      kept(id, [merged], () => {
        const { band, ...mean } = meanAndBand(merged, step, how.spread);
        const { x, y } = drawnOf(mean, how);
        const name = named(runId, label, key, at, keys, merged.runs, strokes);
        return { ...name, x, y, band, of: [{ ...mean, points: merged.points }] };
      });
    });
  });
}

function named(runId, label, key, at, keys, many, strokes) {
  return {
    runId,
    key,
    label: `${label}${keys.length > 1 ? ` · ${key}` : ""} (${many})`,
    ...strokes.get(runId),
    ...(keys.length > 1 && { dash: DASHES[at % DASHES.length] }),
  };
}

/** Smoothed by the server, from all points; what it did not smooth, or not so yet, from the points that are here. */
function drawnOf({ x, y, smooth, smoothing }, { weight, kind }) {
  if (!weight) return { x, y, faint: undefined };
  const faint = { x, y };
  if (smooth && smoothing === smoothingOf({ smooth: weight, kind })) return { x: smooth.x, y: smooth.y, faint };
  return { x, y: smoothed(x, y, weight, kind), faint };
}

/** How many points the server has of what is drawn. */
export const pointsOf = (drawn) =>
  drawn.reduce((sum, { of }) => sum + of.reduce((all, curve) => all + curve.points, 0), 0);
