/** Draws curves on a canvas, a few in each frame when there are many, so that the page stays alive. */

// Line segments in the first frame; how many in the next follows from how long that one took.
const SEGMENTS = 20_000;
const FRAME_MS = 20;
// Above this many curves lines are thin, and their corners plain: that is what drawing them costs.
const MANY = 40;
const MARK = 3; // half of the width of a mark, in CSS pixels

/**
 * Where values are on a canvas, in its own pixels.
 * @typedef {{left: number, top: number, width: number, height: number, low: number, high: number, least: number,
 *   most: number, log: boolean, logX: boolean, ratio: number}} Scale
 * @typedef {{label: string, runId: string, key: string, colour: string, dash: number[], x: Float64Array,
 *   y: Float64Array, faint?: {x: Float64Array, y: Float64Array}, band?: {low: Float64Array, high: Float64Array},
 *   fork?: number}} Drawn
 *   `faint`: the points before smoothing; `band`: how far the values of a group reach; `fork`: the last x that is
 *   another run's
 */

const place = (value, low, high, log) =>
  log ? Math.log10(value / low) / Math.log10(high / low) : (value - low) / (high - low);

/** The value at a share of a scale's width or height. */
export const valueAt = (share, low, high, log) => (log ? low * (high / low) ** share : low + share * (high - low));

export const onX = (scale, value) => scale.left + place(value, scale.low, scale.high, scale.logX) * scale.width;

export const onY = ({ top, height, least, most, log }, value) => top + (1 - place(value, least, most, log)) * height;

/** The least and the greatest value that a chart has to show, originals and bands included; null where it has none. */
export function extremes(curves, low, high, log) {
  let least = Infinity;
  let most = -Infinity;
  const reach = (x, y) => {
    for (let at = 0; at < y.length; at++) {
      const value = y[at];
      if (x[at] < low || x[at] > high || !Number.isFinite(value) || (log && value <= 0)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  };
  for (const { x, y, faint, band } of curves)
    for (const [along, values] of [
      [x, y],
      [faint?.x, faint?.y],
      [x, band?.low],
      [x, band?.high],
    ])
      if (values) reach(along, values);
  return least <= most ? [least, most] : null;
}

/**
 * One canvas. Curves that were drawn already on the same scale are not drawn again. A second canvas
 * of a chart would cost a browser about as much as the first, in each frame in which anything moves.
 */
export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.drawn = [];
    this.scale = "";
    this.frame = 0;
    this.isDone = false;
  }

  /**
   * @param {Drawn[]} curves
   * @param {Scale} scale
   * @param {{text: string, draw: (ctx: CanvasRenderingContext2D) => void}} under what is behind the curves,
   *   and fills the canvas; drawn again when `text` is another
   * @param {() => void} finished called when all are on the canvas
   */
  paint(curves, scale, under, finished) {
    cancelAnimationFrame(this.frame);
    this.isDone = false;
    const { width, height } = this.canvas;
    const text = JSON.stringify([scale, width, height, curves.length > MANY, under.text]);
    const more =
      text === this.scale &&
      this.drawn.length <= curves.length &&
      this.drawn.every((curve, at) => same(curve, curves[at]));
    // What is to be seen meanwhile: what was there before, or else the curves as they come.
    const target = more || !this.drawn.length ? this.canvas : copyOf(this.canvas);
    const ctx = penOf(target);
    if (!more) under.draw(ctx);
    if (!more) this.drawn = target === this.canvas ? [] : this.drawn;
    const from = more ? this.drawn.length : 0;
    this.scale = target === this.canvas ? text : "";
    let at = from;
    let budget = SEGMENTS;
    let before = 0;
    const step = (now) => {
      if (before && now) budget *= now - before > FRAME_MS ? 0.6 : 1.5;
      before = now;
      for (let left = budget; at < curves.length && left > 0; at++) {
        left -= curves[at].y.length * (curves[at].faint ? 2 : 1);
        curve(ctx, scale, curves[at], curves.length > MANY);
        if (target === this.canvas) this.drawn.push(curves[at]);
      }
      if (at < curves.length) {
        this.frame = requestAnimationFrame(step);
        return;
      }
      if (target !== this.canvas) {
        penOf(this.canvas).drawImage(target, 0, 0);
        Object.assign(this, { drawn: [...curves], scale: text });
      }
      this.isDone = true;
      finished();
    };
    step(0);
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }
}

const same = (curve, other) =>
  curve === other ||
  (curve.x === other.x &&
    curve.y === other.y &&
    curve.faint?.y === other.faint?.y &&
    curve.band === other.band &&
    curve.colour === other.colour &&
    curve.dash === other.dash &&
    curve.fork === other.fork);

/** Without transparency: a browser then need not mix the canvas with what is behind it. */
export const penOf = (canvas) => canvas.getContext("2d", { alpha: false });

/** An empty canvas of the same size. */
export function copyOf({ width, height }) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

function curve(ctx, scale, drawn, isOfMany) {
  if (drawn.band) area(ctx, scale, drawn);
  if (drawn.fork !== undefined) forkAt(ctx, scale, drawn);
  const { faint } = drawn;
  if (faint) line(ctx, scale, { ...drawn, x: faint.x }, faint.y, { width: 1, alpha: 0.28, plain: true });
  line(ctx, scale, drawn, drawn.y, { width: isOfMany ? 1 : 1.5, alpha: isOfMany ? 0.7 : 1, plain: isOfMany });
}

/** One line: broken where a value is no number, which a mark at the edge shows; dots where it has no length. */
export function line(ctx, scale, { colour, dash, x }, y, { width, alpha, plain }) {
  const { ratio, log, logX } = scale;
  clipped(ctx, scale);
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.globalAlpha = alpha;
  ctx.lineWidth = width * ratio;
  ctx.lineJoin = plain ? "bevel" : "round";
  ctx.setLineDash(plain ? [] : dash.map((part) => part * ratio));
  const along = logX ? Math.log10 : (value) => value;
  const kx = scale.width / (along(scale.high) - along(scale.low));
  const most = log ? Math.log10(scale.most) : scale.most;
  const ky = scale.height / (most - (log ? Math.log10(scale.least) : scale.least));
  const { left, top } = scale;
  const low = along(scale.low);
  const dots = [];
  const odd = [];
  let run = 0;
  let px = 0;
  let py = 0;
  ctx.beginPath();
  for (let at = 0; at < y.length; at++) {
    const value = y[at];
    if (logX && x[at] <= 0) continue; // has no place
    if (!Number.isFinite(value) || (log && value <= 0)) {
      if (run === 1) dots.push(px, py);
      run = 0;
      if (!Number.isFinite(value)) odd.push(left + ((logX ? Math.log10(x[at]) : x[at]) - low) * kx, value);
      continue;
    }
    px = left + ((logX ? Math.log10(x[at]) : x[at]) - low) * kx;
    py = top + (most - (log ? Math.log10(value) : value)) * ky;
    if (run) ctx.lineTo(px, py);
    else ctx.moveTo(px, py);
    run++;
  }
  if (run === 1) dots.push(px, py);
  ctx.stroke();
  ctx.setLineDash([]);
  for (let at = 0; at < dots.length; at += 2) dot(ctx, dots[at], dots[at + 1], Math.min(MARK, width + 1.5) * ratio);
  for (let at = 0; at < odd.length; at += 2) mark(ctx, scale, odd[at], odd[at + 1]);
  ctx.restore();
}

/** A broken line from top to bottom, where the points of a fork begin to be its own. */
function forkAt(ctx, scale, { colour, fork }) {
  if (scale.logX && fork <= 0) return;
  const { top, height, ratio } = scale;
  const across = Math.round(onX(scale, fork)) + ratio / 2;
  clipped(ctx, scale);
  ctx.strokeStyle = colour;
  ctx.globalAlpha = 0.7;
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(across, top);
  ctx.lineTo(across, top + height);
  ctx.stroke();
  ctx.restore();
}

/** What lies between the two edges of a band. */
function area(ctx, scale, { colour, x, band }) {
  const has = (at) => Number.isFinite(band.low[at]) && (!scale.log || band.low[at] > 0) && (!scale.logX || x[at] > 0);
  const places = [...x.keys()].filter(has);
  clipped(ctx, scale);
  ctx.fillStyle = colour;
  ctx.globalAlpha = 0.18;
  ctx.beginPath();
  for (const at of places) ctx.lineTo(onX(scale, x[at]), onY(scale, band.high[at]));
  for (const at of places.reverse()) ctx.lineTo(onX(scale, x[at]), onY(scale, band.low[at]));
  ctx.fill();
  ctx.restore();
}

export function dot(ctx, x, y, radius) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}

/** A triangle at the upper edge for infinity, at the lower for minus infinity; a cross there for NaN. */
function mark(ctx, { top, height, ratio }, x, value) {
  const size = MARK * ratio;
  const up = value === Infinity ? 1 : -1;
  const edge = up === 1 ? top + ratio : top + height - ratio;
  ctx.beginPath();
  if (Number.isNaN(value)) {
    ctx.lineWidth = ratio;
    ctx.moveTo(x - size, edge - 2 * size);
    ctx.lineTo(x + size, edge);
    ctx.moveTo(x + size, edge - 2 * size);
    ctx.lineTo(x - size, edge);
    ctx.stroke();
  } else {
    ctx.moveTo(x, edge);
    ctx.lineTo(x - size, edge + up * 2 * size);
    ctx.lineTo(x + size, edge + up * 2 * size);
    ctx.fill();
  }
}

function clipped(ctx, { left, top, width, height }) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
}
