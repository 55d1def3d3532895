/** Curves of groups of runs as one each: their mean, and how far they reach around it. */

/** How far, by its name in the address; the first is the usual one. */
export const SPREADS = [
  ["", "min to max"],
  ["std", "standard deviation"],
  ["quartiles", "middle half"],
];
/**
 * A band of some runs of a group, as the server gives it (see `POST bands` in docs/web-api.md).
 * @typedef {{first: number, count: number, runs: number, points: number, rows: Float64Array[], merged?: boolean}} Band
 *   `rows`: how many runs are at each place, their mean, the sum of squares around it, the least and the greatest
 *   value, and values between which equally many runs lie; these are about right where bands were `merged`
 */
const [MANY, MEAN, SQUARES, LEAST, MOST, QUANTILES] = [0, 1, 2, 3, 4, 5];

/** Of two bands of other runs of the same group, over the same grid, that of all of them. @returns {Band} */
export function merged(known, more) {
  if (!known) return more;
  const first = Math.min(known.first, more.first);
  const count = Math.max(known.first + known.count, more.first + more.count) - first;
  const rows = known.rows.map(() => new Float64Array(count).fill(NaN));
  for (let at = 0; at < count; at++) {
    const [a, b] = [known, more].map((band) => columnAt(band, first + at));
    joined(a, b).forEach((value, row) => (rows[row][at] = value));
  }
  return { first, count, runs: known.runs + more.runs, points: known.points + more.points, rows, merged: true };
}

/** What a band has at a place, or null where it has no run. */
function columnAt({ first, count, rows }, place) {
  const at = place - first;
  return at >= 0 && at < count && rows[MANY][at] > 0 ? rows.map((row) => row[at]) : null;
}

function joined(a, b) {
  if (!a || !b) return a || b || [0];
  const many = a[MANY] + b[MANY];
  const off = b[MEAN] - a[MEAN];
  return [
    many,
    a[MEAN] + (off * b[MANY]) / many,
    a[SQUARES] + b[SQUARES] + (off * off * a[MANY] * b[MANY]) / many,
    Math.min(a[LEAST], b[LEAST]),
    Math.max(a[MOST], b[MOST]),
    ...quantilesOf(a, b),
  ];
}

/** Values between which equally many runs of both lie: where the sum of their shares reaches each share. */
function quantilesOf(a, b) {
  const size = a.length - QUANTILES;
  if (size < 1) return [];
  const parts = [a, b].map((column) => ({ many: column[MANY], values: column.slice(QUANTILES) }));
  const marks = parts.flatMap(({ values }) => values).sort((a, b) => a - b);
  const below = marks.map((value) => parts.reduce((sum, part) => sum + part.many * shareBelow(part.values, value), 0));
  const all = a[MANY] + b[MANY];
  let at = 0;
  return Array.from({ length: size }, (_, place) => {
    const wanted = (place / (size - 1)) * all;
    while (at + 2 < marks.length && below[at + 1] < wanted) at++;
    const share = below[at + 1] > below[at] ? (wanted - below[at]) / (below[at + 1] - below[at]) : 1;
    return marks[at] + Math.min(Math.max(share, 0), 1) * (marks[at + 1] - marks[at]);
  });
}

/** The share of runs that is below a value, straight between two quantiles. */
function shareBelow(quantiles, value) {
  const last = quantiles.length - 1;
  if (value <= quantiles[0]) return 0;
  if (value >= quantiles[last]) return 1;
  const at = quantiles.findIndex((quantile) => quantile >= value);
  const [low, high] = [quantiles[at - 1], quantiles[at]];
  return (at - 1 + (high > low ? (value - low) / (high - low) : 1)) / last;
}

/**
 * @param {Band} band
 * @param {number} step between two places, in x
 * @param {string} spread see `SPREADS`
 * @returns {{x: Float64Array, y: Float64Array,
 *   band: {low: Float64Array, high: Float64Array, about: boolean} | undefined}}
 *   the mean at each place that has runs, and the edges of the band; `about` where these are approximate
 */
export function meanAndBand({ first, rows, runs, merged }, step, spread) {
  const places = [...rows[MANY].keys()].filter((at) => rows[MANY][at] > 0);
  const pick = (valueAt) => Float64Array.from(places, valueAt);
  const x = pick((at) => (first + at) * step);
  const y = pick((at) => rows[MEAN][at]);
  if (runs < 2) return { x, y, band: undefined };
  const deviation = (at) => Math.sqrt(rows[SQUARES][at] / rows[MANY][at]);
  const quarter = (rows.length - 1 - QUANTILES) / 4;
  const edges = {
    std: [(at) => rows[MEAN][at] - deviation(at), (at) => rows[MEAN][at] + deviation(at)],
    quartiles: [(at) => rows[QUANTILES + quarter]?.[at], (at) => rows[QUANTILES + 3 * quarter]?.[at]],
  }[spread] || [(at) => rows[LEAST][at], (at) => rows[MOST][at]];
  const [low, high] = edges.map(pick);
  return { x, y, band: { low, high, about: spread === "quartiles" && Boolean(merged) } };
}

export const meanOf = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN);

/** The standard deviation of the runs that there are, not of those that there might be. */
export const deviationOf = (values, mean) =>
  values.length ? Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) : NaN;

/** The value below which a share of sorted values lies; straight between two of them. */
export function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const at = Math.floor(place);
  return at + 1 < sorted.length ? sorted[at] + (place - at) * (sorted[at + 1] - sorted[at]) : sorted[at];
}
