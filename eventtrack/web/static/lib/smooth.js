/** Smoothing over the points that are drawn: an exponential mean without the pull to zero at the start. */
export function smoothed(y, weight) {
  if (!weight) return y;
  const found = new Float64Array(y.length);
  let mean = 0;
  let factor = 1;
  for (let at = 0; at < y.length; at++) {
    if (!Number.isFinite(y[at])) {
      found[at] = y[at];
      continue;
    }
    mean = weight * mean + (1 - weight) * y[at];
    factor *= weight;
    found[at] = mean / (1 - factor);
  }
  return found;
}
