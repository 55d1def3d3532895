/** Curves of a group of runs as one: their mean, and how far they reach around it. */

/** How far, by its name in the address; the first is the usual one. */
export const SPREADS = [
  ["", "min to max"],
  ["std", "standard deviation"],
  ["quartiles", "middle half"],
];
// Places along x at which a group is measured, at most.
const PLACES = 400;

/**
 * @param {{x: Float64Array, y: Float64Array}[]} curves of the runs of a group
 * @param {string} spread see `SPREADS`
 * @returns {{x: Float64Array, y: Float64Array, band: {low: Float64Array, high: Float64Array} | undefined}}
 *   at each place of the runs that have come so far: their mean, and the edges of the band
 */
export function bandOf(curves, spread) {
  const x = placesOf(curves);
  const values = x.length ? Array.from(x, () => []) : [];
  for (const curve of curves) sample(curve, x, values);
  const y = Float64Array.from(values, meanOf);
  if (curves.length < 2) return { x, y, band: undefined };
  const edges = values.map((some, at) => edgesOf(some, y[at], spread));
  return {
    x,
    y,
    band: { low: Float64Array.from(edges, ([low]) => low), high: Float64Array.from(edges, ([, high]) => high) },
  };
}

/** All x that there are, or as many of them as are needed. */
function placesOf(curves) {
  const all = Float64Array.from(new Set(curves.flatMap(({ x }) => [...x]))).sort();
  if (all.length <= PLACES) return all;
  return Float64Array.from({ length: PLACES }, (_, at) => all[Math.round((at * (all.length - 1)) / (PLACES - 1))]);
}

/** Add the value of a curve at each place between its first and its last point; straight between two points. */
function sample({ x, y }, places, values) {
  let at = 0;
  for (let place = 0; place < places.length; place++) {
    const wanted = places[place];
    if (!x.length || wanted < x[0] || wanted > x.at(-1)) continue;
    while (at + 1 < x.length && x[at + 1] <= wanted) at++;
    const share = at + 1 < x.length && x[at + 1] > x[at] ? (wanted - x[at]) / (x[at + 1] - x[at]) : 0;
    const value = share ? y[at] + share * (y[at + 1] - y[at]) : y[at];
    if (Number.isFinite(value)) values[place].push(value);
  }
}

export const meanOf = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN);

/** The standard deviation of the runs that there are, not of those that there might be. */
export const deviationOf = (values, mean) =>
  values.length ? Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) : NaN;

export function edgesOf(values, mean, spread) {
  if (!values.length) return [NaN, NaN];
  if (spread === "std") {
    const deviation = deviationOf(values, mean);
    return [mean - deviation, mean + deviation];
  }
  const sorted = Float64Array.from(values).sort();
  if (spread === "quartiles") return [quantile(sorted, 0.25), quantile(sorted, 0.75)];
  return [sorted[0], sorted.at(-1)];
}

/** The value below which a share of sorted values lies; straight between two of them. */
export function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const at = Math.floor(place);
  return at + 1 < sorted.length ? sorted[at] + (place - at) * (sorted[at + 1] - sorted[at]) : sorted[at];
}
