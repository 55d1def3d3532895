/** Colours of curves: told apart with any colour vision, and decided by the runs that are shown, by nothing else. */
import { theme } from "./theme.js";

// After Okabe and Ito, and Paul Tol; darkened or lightened for each background.
export const PALETTES = {
  light: ["#0072b2", "#d55e00", "#00805f", "#b04e86", "#8a6d00", "#332288", "#1f8fb8", "#882255", "#3f7a1f", "#6b5bd2"],
  dark: ["#56b4e9", "#ff9248", "#2fd1a0", "#e39cc7", "#f0d060", "#a59bf0", "#8fd6f5", "#ef7fa8", "#9bd66f", "#d0b0ff"],
};
export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const SIZE = PALETTES.light.length;

/**
 * @typedef {{colour: string, dash: number[]}} Stroke
 * @param {string[]} ids of all runs that are shown together
 * @returns {Map<string, Stroke>} up to ten runs have a colour each and solid lines; each ten more have
 *   the same colours and another dash
 */
export function strokesOf(ids) {
  const palette = PALETTES[theme.value];
  const strokes = new Map();
  const taken = new Set();
  // In the order of their ids, so that sorting a table changes no colour.
  for (const id of [...new Set(ids)].sort()) {
    if (taken.size === SIZE) taken.clear();
    // By the id first, so that a run has the same colour tomorrow; the next free one if it is taken.
    let at = parseInt(id.slice(0, 6), 16) % SIZE || 0;
    while (taken.has(at)) at = (at + 1) % SIZE;
    taken.add(at);
    strokes.set(id, { colour: palette[at], dash: DASHES[Math.floor(strokes.size / SIZE) % DASHES.length] });
  }
  return strokes;
}

/** The colour of the n-th of some things without ids: metrics of one run, or groups. */
export const colourAt = (at) => PALETTES[theme.value][at % SIZE];

/** @returns {Map<string, Stroke>} by the ids of groups, in their order */
export const strokesOfGroups = (groups) =>
  new Map(groups.map(({ id }, at) => [id, { colour: colourAt(at), dash: dashAt(at) }]));

const dashAt = (at) => DASHES[Math.floor(at / SIZE) % DASHES.length];
