/** What lies over the curves while something is pointed at: the crosshair, and one run before the dimmed rest. */
import { inks } from "./canvas.js";
import { dot, line, onX, onY } from "./painter.js";

const DIMMED = 0.62;
// More curves than this get no dots at the crosshair while none of them is pointed at.
const DOTTED = 12;

/** The curves that get a dot at the crosshair when it is moved in another chart. */
export function dotted(curves, runId) {
  const front = runId === null ? [] : curves.filter((curve) => curve.runId === runId);
  return front.length ? front : curves.length <= DOTTED ? curves : [];
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./painter.js").Scale} scale in the canvas' pixels
 * @param {import("./painter.js").Drawn[]} curves
 * @param {{x?: number, values?: {curve: any, at: number, value: number}[], nearest: any, runId: string | null}} at
 */
export function drawOver(canvas, scale, curves, { x, values, nearest, runId }) {
  const ctx = canvas.getContext("2d");
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  const front = runId === null ? [] : curves.filter((curve) => curve.runId === runId);
  const { left, top, width, height, ratio } = scale;
  const [page, quiet] = inks("page", "quiet");
  if (front.length && front.length < curves.length) {
    ctx.globalAlpha = DIMMED;
    ctx.fillStyle = page;
    ctx.fillRect(left, top, width, height);
    ctx.globalAlpha = 1;
  }
  for (const curve of front)
    line(ctx, scale, curve, curve.y, { width: curve === nearest || !nearest ? 2.5 : 1.5, alpha: 1, plain: false });
  if (x === undefined || x < scale.low || x > scale.high) return;
  ctx.fillStyle = quiet;
  ctx.fillRect(Math.round(onX(scale, x)), top, ratio, height);
  for (const { curve, at, value } of values || []) {
    if (front.length ? curve.runId !== runId : values.length > DOTTED) continue;
    if (!Number.isFinite(value) || (scale.log && value <= 0) || (scale.logX && curve.x[at] <= 0)) continue;
    const [across, down] = [onX(scale, curve.x[at]), onY(scale, value)];
    if (down < top || down > top + height || across < left || across > left + width) continue;
    ctx.fillStyle = curve.colour;
    dot(ctx, across, down, (curve === nearest ? 4 : 3) * ratio);
  }
}
