/** What a pointer over a chart is at: the value of every curve at its x, sorted, and the nearest of them. */
import { onX, onY } from "../parts/painter.js";

// How many values the tooltip lists: those around the nearest.
const LISTED = 12;
// Points of one bucket (its minimum and maximum, say) share a place: as many are looked at on each side.
const SHARED = 3;

export function lowerBound(values, wanted) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place of the point of a curve that is nearest in x; -1 outside of the stretch that the curve has. */
export function pointAt({ x }, wanted, slack = 0) {
  if (!x.length || wanted < x[0] - slack || wanted > x[x.length - 1] + slack) return -1;
  const at = lowerBound(x, wanted);
  return at === x.length || (at > 0 && wanted - x[at - 1] < x[at] - wanted) ? at - 1 : at;
}

/**
 * @param {import("../parts/painter.js").Drawn[]} curves
 * @param {import("../parts/painter.js").Scale} scale in CSS pixels
 * @param {number} wanted x
 * @param {number} top where the pointer is, in the same pixels; without it the first curve is the nearest
 * @returns {{values: {curve: any, at: number, value: number}[], nearest: number} | null} from the greatest
 *   to the least; null where no curve has a value
 */
export function valuesAt(curves, scale, wanted, top) {
  // Half of the pointer's own width: the first and the last point can be met too.
  const slack = ((scale.high - scale.low) / scale.width) * 8;
  const values = [];
  for (const curve of curves) {
    const near = pointAt(curve, wanted, slack);
    if (near < 0) continue;
    const at = top === undefined ? near : closest(curve, near, scale, top);
    values.push({ curve, at, value: curve.y[at] });
  }
  if (!values.length) return null;
  // NaN is neither greater nor less than anything: it goes last.
  values.sort((a, b) => b.value - a.value || Number.isNaN(a.value) - Number.isNaN(b.value));
  let nearest = 0;
  let least = Infinity;
  if (top !== undefined)
    values.forEach(({ curve, at, value }, place) => {
      const across = scale.logX && curve.x[at] <= 0 ? 0 : onX(scale, curve.x[at]) - onX(scale, wanted);
      const distance = Math.hypot(onY(scale, value) - top, across / 4);
      if (distance < least) [least, nearest] = [distance, place];
    });
  return { values, nearest };
}

/** Of the points of a curve beside `at` and as near in x the one that is nearest to the pointer in y. */
function closest({ x, y }, at, scale, top) {
  // Two pixels wide, in x.
  const shared = (2 * (scale.high - scale.low)) / scale.width;
  if (x[at + 1] - x[at] > shared && x[at] - x[at - 1] > shared) return at;
  let [best, least] = [at, Infinity];
  for (let near = Math.max(at - SHARED, 0); near <= Math.min(at + SHARED, x.length - 1); near++) {
    if (Math.abs(x[near] - x[at]) > shared) continue;
    const distance = Math.abs(onY(scale, y[near]) - top);
    if (distance < least) [best, least] = [near, distance];
  }
  return best;
}

/** The values that a tooltip has room for, and how many are above and below them. */
export function listed({ values, nearest }) {
  const first = Math.max(0, Math.min(nearest - LISTED / 2, values.length - LISTED));
  const shown = values.slice(first, first + LISTED);
  return { shown, above: first, below: values.length - first - shown.length };
}
