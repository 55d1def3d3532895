/** Axes and ranges as they stand in the address line, and which runs are within the ranges. */
import { SCALES } from "./axes.js";

// Ranges are written with fewer digits than numbers have.
const TOLERANCE = 1e-9;
const WRITTEN = new RegExp(`^(?:(${SCALES.join("|")}) )?((?:metrics|params|tags|attributes)\\..+)$`, "s");

/** `log metrics.loss`, or the name alone for the scale that fits. */
export function readAxis(text) {
  const match = WRITTEN.exec(text);
  return match && { name: match[2], scale: match[1] };
}

export const writeAxis = ({ name, scale }) => (scale ? `${scale} ${name}` : name);

/** @returns {[string, any, any][]} name, low, high; what cannot be read is left out */
export function readBrushes(text) {
  try {
    const brushes = JSON.parse(text || "[]");
    return Array.isArray(brushes)
      ? brushes.filter((brush) => Array.isArray(brush) && brush.length === 3 && typeof brush[0] === "string")
      : [];
  } catch {
    return []; // written by hand
  }
}

export const writeBrushes = (brushes) => (brushes.length ? JSON.stringify(brushes) : "");

/** The range with its ends in order, as places on an axis; a category counts with all of its width. */
export function placesOf(axis, [, low, high]) {
  const half = axis.scale === "category" ? 0.5 / axis.ticks.length : 0;
  const [a, b] = [axis.placeOf(low), axis.placeOf(high)];
  return [Math.min(a, b) - half, Math.max(a, b) + half];
}

/** Whether each run is within all ranges; one without a value is in none. */
export function within(axes, brushes, count) {
  const kept = new Uint8Array(count).fill(1);
  for (const brush of brushes) {
    const axis = axes.find((axis) => axis.name === brush[0]);
    if (!axis) continue;
    const [low, high] = placesOf(axis, brush);
    for (let at = 0; at < count; at++) {
      if (!(axis.places[at] >= low - TOLERANCE && axis.places[at] <= high + TOLERANCE)) kept[at] = 0;
    }
  }
  return kept;
}
