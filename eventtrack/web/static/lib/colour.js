/** Colours of curves: told apart with any colour vision, and a run keeps its own. */
import { theme } from "./theme.js";

// After Okabe and Ito, and Paul Tol; darkened or lightened for each background.
export const PALETTES = {
  light: ["#0072b2", "#d55e00", "#00805f", "#b04e86", "#8a6d00", "#332288", "#1f8fb8", "#882255", "#3f7a1f", "#6b5bd2"],
  dark: ["#56b4e9", "#ff9248", "#2fd1a0", "#e39cc7", "#f0d060", "#a59bf0", "#8fd6f5", "#ef7fa8", "#9bd66f", "#d0b0ff"],
};
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const SIZE = PALETTES.light.length;

/** Place in the palette, and in the order in which they came, by run; for as long as the page is open. */
const places = new Map();
const taken = new Set();

function place(runId) {
  let known = places.get(runId);
  if (known === undefined) {
    // By the id first, so that a run has the same colour tomorrow; the next free one if it is taken.
    let colour = parseInt(runId.slice(0, 6), 16) % SIZE || 0;
    const start = colour;
    while (taken.has(colour)) {
      colour = (colour + 1) % SIZE;
      if (colour === start) {
        taken.clear();
        break;
      }
    }
    taken.add(colour);
    known = { at: colour, order: places.size };
    places.set(runId, known);
  }
  return known;
}

/** @returns {{colour: string, dash: number[]}} how the n-th of the shown runs is drawn */
export function strokeOf(runId) {
  const { at, order } = place(runId);
  return { colour: PALETTES[theme.value][at], dash: DASHES[Math.floor(order / SIZE) % DASHES.length] };
}
