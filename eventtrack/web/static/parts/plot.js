/** One chart: its frame and its curves on one canvas, and what is under the pointer. */
import { effect } from "@preact/signals";
import { html, signal, useEffect, useRef } from "../lib/ui.js";
import { duration, moment, number } from "../lib/format.js";
import { listed, valuesAt } from "../lib/hover.js";
import { crosshair, pointAway, pointedRun } from "../lib/pointer.js";
import { theme } from "../lib/theme.js";
import { inks } from "./canvas.js";
import { drawFrame, frameOf } from "./frame.js";
import { gestures, press } from "./gestures.js";
import { dotted, Overlay } from "./overlay.js";
import { Painter, extremes, onX, valueAt } from "./painter.js";
import { Tip } from "./tip.js";

// One for all charts: it tells of widths after the browser has laid out the page, so that none asks.
// Whole pixels, for a canvas that is stretched by a part of one is slow to draw and blurred.
const widths = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) target.sized?.(Math.floor(contentRect.width));
});

/**
 * @param {object} props
 * @param {import("./painter.js").Drawn[]} props.curves
 * @param {boolean} props.done whether all curves are there
 * @param {string} props.x the name of the axis
 * @param {boolean} props.log whether y is logarithmic; `logX` says so of x
 * @param {boolean} props.tight whether single outliers may lie outside
 * @param {number} props.low of x; up to `high`
 * @param {[number, number] | null} props.span of y, if it was zoomed
 * @param {(zoom: {x?: [number, number], y?: [number, number]} | null) => void} props.onZoom null: back to all
 */
export function Plot({ curves, done, x, log, logX, tight, low, high, span, height, onZoom, label }) {
  const box = useRef();
  const state = useRef(null);
  state.current ??= { tip: signal(null), width: 0, frame: null };
  const first = logX ? leastPositive(curves, high) : low;
  const isLogX = logX && x !== "time" && first > 0;
  const from = isLogX ? Math.max(low, first) : low;
  const shown = { curves, done, x, log, logX: isLogX, tight, span, onZoom, low: from, high, height };
  Object.assign(state.current, shown);
  const dark = theme.value;

  useEffect(() => {
    const mine = state.current;
    const plot = box.current;
    const [ink, area] = [plot.querySelector("canvas"), plot.querySelector(".area")];
    const painter = new Painter(ink);
    Object.assign(mine, { painter, overlay: new Overlay(painter), area });
    plot.sized = (width) => {
      if (width === mine.width) return;
      mine.width = width;
      paint(mine);
    };
    widths.observe(plot);
    const unheard = gestures(area, mine);
    const unpointed = pointing(mine);
    return () => {
      widths.unobserve(plot);
      unheard();
      unpointed();
      mine.painter.stop();
      mine.overlay.drop();
      mine.frame = null;
    };
  }, []);
  useEffect(() => paint(state.current), [curves, done, x, log, isLogX, tight, from, high, span, height, dark]);

  const move = ({ clientX, clientY }) => {
    const mine = state.current;
    if (!mine.frame) return;
    const { left, top, width, height } = mine.area.getBoundingClientRect();
    const [across, down] = [clientX - left, clientY - top];
    if (across < 0 || down < 0 || across > width || down > height) return pointAway();
    const { low, high, logX } = mine.frame.inside;
    crosshair.value = { axis: mine.x, x: valueAt(across / width, low, high, logX), top: down, source: mine };
  };
  const keys = (event) => {
    if (press(state.current, event)) event.preventDefault();
  };
  const some = extremes(curves, low, high, false);
  const below = log && some && !extremes(curves, low, high, true);
  // Charts are zoomed in step, and others may reach further. Where all is NaN, there are marks.
  const none = done && !some && !curves.some((curve) => curve.x.some((at) => at >= low && at <= high));
  return html`
    <div class="plot" role="img" aria-label=${label} style=${{ height: `${height}px` }} tabindex="0" ref=${box}
      onMouseMove=${move} onMouseLeave=${pointAway} onBlur=${pointAway} onKeyDown=${keys}
      onDblClick=${() => onZoom(null)}>
      <canvas></canvas><div class="area"></div>
      ${below && html`<p class="nothing">No value is above 0: a logarithmic axis shows none.</p>`}
      ${none && html`<p class="nothing">No points here.</p>`}
      <${Pointed} state=${state.current} />
    </div>
  `;
}

/** The tooltip, alone: only it is rendered anew with each move of the pointer. */
function Pointed({ state }) {
  const tip = state.tip.value;
  if (!tip || !state.frame) return null;
  const { inside, area } = state.frame;
  const place = { left: area.left + onX(inside, tip.x), top: tip.top ?? 20, width: state.width };
  const { curve, at } = tip.nearest;
  return html`<${Tip} tip=${tip} where=${shownX(state.x, curve.x[at])} ...${place} />`;
}

function paint(state) {
  const { painter, curves, done, width, height } = state;
  if (!width) return; // until the page is laid out
  const frame = (state.frame = frameOf(state, width, height));
  state.overlay.drop();
  fit(painter.canvas, width, height);
  for (const [name, size] of Object.entries(frame.area)) state.area.style[name] = `${size}px`;
  const colours = inks("page", "line", "quiet");
  const under = {
    text: JSON.stringify([frame.across, frame.down, colours]),
    draw: (ctx) => drawFrame(ctx, frame, colours),
  };
  painter.paint(curves, frame.scale, under, () => {
    // Whoever measures waits for this.
    performance.clearMarks("curves-drawn");
    if (done) performance.mark("curves-drawn", { detail: curves.length });
    state.point();
  });
}

function fit(canvas, width, height) {
  const [across, down] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width === across && canvas.height === down) return;
  Object.assign(canvas, { width: across, height: down });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
}

/** Show what is pointed at here, in another chart or in the table; at most once a frame. @returns ends it */
function pointing(state) {
  let frame = 0;
  let isTelling = false;
  const show = () => {
    frame = 0;
    if (!state.frame) return;
    const pointed = crosshair.peek();
    const here = pointed?.axis === state.x ? pointed : null;
    const isMine = here?.source === state;
    const { inside } = state.frame;
    // Of what is pointed at elsewhere only the dots are shown: a wall of charts has thousands of curves.
    const looked = isMine ? state.curves : dotted(state.curves, pointedRun.peek());
    const under = here && valuesAt(looked, inside, here.x, isMine ? here.top : undefined);
    const nearest = isMine && here.top !== undefined && under ? under.values[under.nearest].curve : null;
    if (isMine && under) {
      // Shown below, once, although the others hear of it too.
      isTelling = true;
      pointedRun.value = nearest && nearest.runId;
      isTelling = false;
    }
    const runId = pointedRun.peek();
    const front = under?.values.filter(({ curve }) => curve.runId === runId);
    const { scale } = state.frame;
    state.overlay.lift(scale, state.curves, runId, nearest, isMine);
    state.overlay.move(scale, here?.x, front?.length ? front : under?.values || [], nearest);
    state.tip.value = isMine && under ? { ...listed(under), nearest: under.values[under.nearest], ...here } : null;
  };
  state.overlay.again = state.point = () => {
    frame ||= requestAnimationFrame(show);
  };
  const stop = effect(() => {
    crosshair.value;
    pointedRun.value;
    if (!isTelling) state.point();
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
    if (crosshair.peek()?.source === state) pointAway();
  };
}

// An axis that is another metric of each run is called so: `metrics.epoch`.
export const METRIC = "metrics.";

export function shownX(x, value) {
  if (x.startsWith(METRIC)) return `${x.slice(METRIC.length)} ${number(value)}`;
  if (x === "time") return moment(value);
  return x === "relative" ? duration(value * 1000) : `step ${number(value)}`;
}

/** Where a logarithmic axis can begin: at the first point to the right of 0. */
function leastPositive(curves, high) {
  let least = Infinity;
  for (const { x } of curves) {
    const at = x.findIndex((value) => value > 0);
    if (at >= 0 && x[at] < least) least = x[at];
  }
  return least < high ? least : 0;
}
