/** Smoothing over the points that are drawn. Values that are not finite stay, and count for nothing. */

/** Kinds by their names in the address line; the first is the usual one. */
export const KINDS = [
  ["", "exponential"],
  ["time", "exponential over x"],
  ["gaussian", "Gaussian"],
  ["mean", "running mean"],
];

// Points to each side that a mean reaches at most: of thousands of curves it has to be quick.
const REACH_MAX = 60;

/**
 * @param {Float64Array} x
 * @param {Float64Array} y
 * @param {number} weight 0 (none) to below 1
 */
export function smoothed(x, y, weight, kind = "") {
  if (!weight || y.length < 2) return y;
  if (kind === "gaussian") {
    const width = Math.max(weight * weight * Math.min(y.length / 8, REACH_MAX / 2.5), 0.3);
    return around(y, Math.min(Math.ceil(2.5 * width), REACH_MAX), (off) => Math.exp(-0.5 * (off / width) ** 2));
  }
  if (kind === "mean") return around(y, Math.min(Math.ceil((weight * y.length) / 8), REACH_MAX), () => 1);
  return exponential(x, y, weight, kind === "time");
}

/** A mean that forgets, without the pull to zero at the start; with `spaced`, by the distance in x. */
function exponential(x, y, weight, spaced) {
  const smoothed = new Float64Array(y.length);
  const usual = (x.at(-1) - x[0]) / (x.length - 1) || 1;
  let [sum, share] = [0, 0];
  let last = x[0];
  for (let at = 0; at < y.length; at++) {
    if (!Number.isFinite(y[at])) {
      smoothed[at] = y[at];
      continue;
    }
    const kept = spaced ? weight ** Math.max((x[at] - last) / usual, 0) : weight;
    sum = sum * kept + y[at];
    share = share * kept + 1;
    last = x[at];
    smoothed[at] = sum / share;
  }
  return smoothed;
}

/** A weighted mean of the neighbours on both sides; at the ends, of those that there are. */
function around(y, reach, weightOf) {
  const weights = Array.from({ length: reach + 1 }, (_, off) => weightOf(off));
  return y.map((value, at) => {
    if (!Number.isFinite(value)) return value;
    let [sum, share] = [0, 0];
    for (let near = Math.max(at - reach, 0); near <= Math.min(at + reach, y.length - 1); near++) {
      if (!Number.isFinite(y[near])) continue;
      const weight = weights[Math.abs(near - at)];
      sum += weight * y[near];
      share += weight;
    }
    return sum / share;
  });
}
