/** The range of y that most points share: what a chart shows when single outliers are left aside. */

// Values looked at; of more, each n-th.
const SAMPLE = 20_000;
// Tukey's "far out": beyond three times the middle half's width.
const FENCE = 3;

/**
 * @param {{x: Float64Array, y: Float64Array}[]} curves
 * @returns {[number, number] | null} the extremes of what is not an outlier; null where nothing is
 */
export function typical(curves, low, high, log) {
  const total = curves.reduce((sum, curve) => sum + curve.y.length, 0);
  const stride = Math.max(Math.ceil(total / SAMPLE), 1);
  const sample = [];
  for (const { x, y } of curves) {
    for (let at = 0; at < y.length; at += stride) {
      if (x[at] < low || x[at] > high || !Number.isFinite(y[at]) || (log && y[at] <= 0)) continue;
      sample.push(log ? Math.log10(y[at]) : y[at]);
    }
  }
  if (!sample.length) return null;
  const sorted = Float64Array.from(sample).sort();
  const [lower, upper] = [sorted[Math.floor(sorted.length / 4)], sorted[Math.floor((3 * sorted.length) / 4)]];
  const reach = FENCE * (upper - lower) || Infinity;
  const least = sorted.find((number) => number >= lower - reach);
  const most = sorted.findLast((number) => number <= upper + reach);
  return log ? [10 ** least, 10 ** most] : [least, most];
}
