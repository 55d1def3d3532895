/**
 * What is drawn over the curves while something is pointed at: a crosshair, dots, and one run before
 * the dimmed rest.
 *
 * All of it is drawn on the canvas of the curves, of which a copy is kept meanwhile: a pointer that
 * moves changes a few pixels of each chart, and there are no further layers for the browser to put
 * together. The run in front is drawn when another one is pointed at: at once in the chart that is
 * pointed at, in the others when the pointer rests, a few in each frame.
 */
import { inks } from "./canvas.js";
import { copyOf, dot, line, onX, onY, penOf } from "./painter.js";

const DIMMED = 0.62;
// More curves than this get no dots at the crosshair while none of them is pointed at.
const DOTTED = 12;
const FRAME_MS = 5; // of a frame, for other charts than the one that is pointed at
const REST_MS = 60; // as long a pointer has to stay with a run until other charts show it, too

/** The curves that get a dot at the crosshair when it is moved in another chart. */
export function dotted(curves, runId) {
  const front = runId === null ? [] : curves.filter((curve) => curve.runId === runId);
  return front.length ? front : curves.length <= DOTTED ? curves : [];
}

const waiting = new Map();
let rest = null;

function later(overlay, draw) {
  waiting.set(overlay, draw);
  clearTimeout(rest);
  rest = setTimeout(takeTurns, REST_MS);
}

function takeTurns() {
  const began = performance.now();
  for (const [overlay, draw] of waiting) {
    waiting.delete(overlay);
    draw();
    if (performance.now() - began > FRAME_MS) break;
  }
  if (waiting.size) rest = setTimeout(() => requestAnimationFrame(takeTurns));
}

export class Overlay {
  /** @param {import("./painter.js").Painter} painter of the curves below */
  constructor(painter) {
    this.painter = painter;
    this.plain = null; // the curves alone
    this.shown = null; // the same with the run in front: `plain`, or another canvas
    this.front = null;
    this.dirty = []; // what the crosshair and its dots cover
  }

  /**
   * @param {import("./painter.js").Scale} scale of the canvas
   * @param {number | undefined} x where the crosshair is; outside of the chart there is none
   * @param {{curve: any, at: number, value: number}[]} values
   * @param {any} nearest the curve that is pointed at
   */
  move(scale, x, values, nearest) {
    const shown = x >= scale.low && x <= scale.high;
    if (!shown && !this.front && !waiting.has(this)) return this.drop();
    if (!this.#open()) return;
    const ctx = penOf(this.painter.canvas);
    for (const part of this.dirty) ctx.drawImage(this.shown, ...part, ...part);
    this.dirty = shown ? [...drawCross(ctx, scale, x), ...drawDots(ctx, scale, values, nearest)] : [];
  }

  /**
   * Show the curves of a run before the others.
   * @param {boolean} now at once, not in turn
   */
  lift(scale, curves, runId, nearest, now) {
    const front = runId === null ? [] : curves.filter((curve) => curve.runId === runId);
    const isSame =
      this.front?.scale === scale &&
      this.front.nearest === nearest &&
      this.front.all === curves.length &&
      this.front.curves.length === front.length &&
      front.every((curve, at) => curve === this.front.curves[at]);
    if (isSame) return waiting.delete(this);
    const next = front.length ? { scale, nearest, curves: front, all: curves.length } : null;
    if (!next && !this.front) return waiting.delete(this);
    if (now || !next) {
      waiting.delete(this);
      return this.#show(next);
    }
    later(this, () => {
      this.#show(next);
      this.again?.();
    });
  }

  #show(front) {
    if (!this.#open()) return;
    this.front = front;
    this.shown = front ? copyOf(this.plain) : this.plain;
    if (front) {
      const ctx = penOf(this.shown);
      ctx.drawImage(this.plain, 0, 0);
      drawFront(ctx, front);
    }
    penOf(this.painter.canvas).drawImage(this.shown, 0, 0);
    this.dirty = [];
  }

  /** @returns {boolean} whether there are curves to draw over */
  #open() {
    if (!this.painter.isDone) return false;
    if (!this.plain) {
      this.shown = this.plain = copyOf(this.painter.canvas);
      penOf(this.plain).drawImage(this.painter.canvas, 0, 0);
    }
    return true;
  }

  /** Leave the curves alone. */
  drop() {
    waiting.delete(this);
    if (this.plain) penOf(this.painter.canvas).drawImage(this.plain, 0, 0);
    this.plain = this.shown = this.front = null;
    this.dirty = [];
  }
}

/** @returns {number[][]} the rectangles that were drawn to */
function drawCross(ctx, scale, x) {
  const { top, height, ratio } = scale;
  const across = Math.round(onX(scale, x));
  [ctx.fillStyle] = inks("quiet");
  ctx.fillRect(across, top, Math.ceil(ratio), height);
  return [[across, top, Math.ceil(ratio), height]];
}

function drawDots(ctx, scale, values, nearest) {
  const { left, top, width, height, ratio, log, logX } = scale;
  const drawn = [];
  for (const { curve, at, value } of values.length <= DOTTED ? values : []) {
    if (!Number.isFinite(value) || (log && value <= 0) || (logX && curve.x[at] <= 0)) continue;
    const [across, down] = [onX(scale, curve.x[at]), onY(scale, value)];
    if (down < top || down > top + height || across < left || across > left + width) continue;
    const radius = (curve === nearest ? 4.5 : 3.5) * ratio;
    ctx.fillStyle = curve.colour;
    dot(ctx, across, down, radius);
    const size = 2 * Math.ceil(radius) + 3;
    drawn.push([Math.floor(across - size / 2), Math.floor(down - size / 2), size, size]);
  }
  return drawn;
}

function drawFront(ctx, { scale, curves, nearest, all }) {
  if (curves.length < all) {
    ctx.globalAlpha = DIMMED;
    [ctx.fillStyle] = inks("page");
    ctx.fillRect(scale.left, scale.top, scale.width, scale.height);
    ctx.globalAlpha = 1;
  }
  for (const curve of curves)
    line(ctx, scale, curve, curve.y, { width: curve === nearest || !nearest ? 2.5 : 1.5, alpha: 1, plain: false });
}
