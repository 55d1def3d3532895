/** One chart: uPlot's frame and zoom, axes and curves that we draw, and what is under the pointer. */
import uPlot from "uplot";
import { effect } from "@preact/signals";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { duration, moment, number } from "../lib/format.js";
import { listed, valuesAt } from "../lib/hover.js";
import { typical } from "../lib/outliers.js";
import { crosshair, pointAway, pointedRun } from "../lib/pointer.js";
import { theme } from "../lib/theme.js";
import { ticksOf } from "../lib/ticks.js";
import { dotted, drawOver } from "./overlay.js";
import { Painter, extremes, valueAt } from "./painter.js";
import { Tip } from "./tip.js";

const FONT = "11px system-ui, sans-serif";
const LETTER = 6.3; // width of a letter of that font, about
const PER_MARK = { x: 62, y: 30 }; // pixels of an axis for each of its marks
const MARKS_MAX = 10;
const STEP = 0.2; // of the width, for each press of a key that zooms or pans

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
  const ink = useRef();
  const over = useRef();
  const state = useRef({});
  const draw = useRef();
  const [tip, setTip] = useState(null);
  const first = logX ? leastPositive(curves, high) : low;
  const isLogX = logX && x !== "time" && first > 0;
  const bounds = { low: isLogX ? Math.max(low, first) : low, high };
  Object.assign(state.current, { curves, done, x, log, logX: isLogX, tight, span, onZoom, ...bounds });
  const dark = theme.value;

  useEffect(() => {
    const mine = state.current;
    mine.painter = new Painter(ink.current);
    mine.plot = plotOf(box.current, mine, height);
    const sized = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (width && width !== mine.plot.width) mine.plot.setSize({ width, height });
    });
    sized.observe(box.current);
    const unwheel = wheels(box.current, mine);
    return () => {
      sized.disconnect();
      unwheel();
      mine.painter.stop();
      mine.plot.destroy();
      mine.plot = null;
    };
  }, [x, log, isLogX, tight, height, dark]);

  useEffect(() => {
    state.current.plot.setData(framed(state.current));
    draw.current?.();
  }, [curves, done, bounds.low, high, span]);

  // What is pointed at here, in another chart or in the table; drawn at most once a frame.
  useEffect(() => {
    let frame = 0;
    draw.current = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const mine = state.current;
        if (!mine.plot || !over.current) return;
        const at = crosshair.peek();
        const here = at && at.axis === mine.x ? at : null;
        const inside = scaleOf(mine, mine.plot, true);
        const isMine = here?.source === mine;
        const top = isMine ? here.top : undefined;
        // Of what is pointed at elsewhere only the dots are shown: a wall of charts has thousands of curves.
        const looked = isMine ? mine.curves : dotted(mine.curves, pointedRun.peek());
        const values = here && valuesAt(looked, inside, here.x, top);
        // Drawn below, once, although the others hear of it too.
        mine.isDrawing = true;
        if (isMine && values)
          pointedRun.value = here.top === undefined ? null : values.values[values.nearest].curve.runId;
        mine.isDrawing = false;
        fit(over.current, mine.plot);
        drawOver(over.current, scaleOf(mine, mine.plot), mine.curves, {
          x: here?.x,
          values: values?.values,
          nearest: isMine && top !== undefined ? values?.values[values.nearest].curve : null,
          runId: pointedRun.peek(),
        });
        setTip(isMine && values ? { ...listed(values), nearest: values.values[values.nearest], ...here } : null);
      });
    };
    const stop = effect(() => {
      crosshair.value;
      pointedRun.value;
      if (!state.current.isDrawing) draw.current();
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
      if (crosshair.peek()?.source === state.current) pointAway();
    };
  }, []);
  const move = ({ clientX, clientY }) => {
    const mine = state.current;
    const area = mine.plot?.over.getBoundingClientRect();
    if (!area) return;
    const [left, top] = [clientX - area.left, clientY - area.top];
    if (left < 0 || top < 0 || left > area.width || top > area.height) return pointAway();
    const [from, to] = spread(mine.low, mine.high, 0);
    crosshair.value = { axis: mine.x, x: valueAt(left / area.width, from, to, mine.logX), top, source: mine };
  };
  const keys = (event) => {
    if (press(state.current, event)) event.preventDefault();
  };
  const empty = log && curves.length > 0 && !extremes(curves, low, high, true) && extremes(curves, low, high, false);
  return html`
    <div class="plot" role="img" aria-label=${label} style=${{ height: `${height}px` }} tabindex="0"
      onMouseMove=${move} onMouseLeave=${pointAway} onBlur=${pointAway} onKeyDown=${keys}
      onDblClick=${() => onZoom(null)}>
      <div ref=${box}></div>
      <canvas class="over" ref=${ink}></canvas>
      <canvas class="over" ref=${over}></canvas>
      ${empty && html`<p class="nothing">No value is above 0: a logarithmic axis shows none.</p>`}
      ${
        tip &&
        html`<${Tip} tip=${tip}
        where=${shownX(x, tip.nearest.curve.x[tip.nearest.at])} ...${placeOf(state.current, tip)} />`
      }
    </div>
  `;
}

/** Where the crosshair is, in CSS pixels of the chart, and how wide that is. */
function placeOf(state, { x, top }) {
  if (!state.plot) return { left: 0, top: 0, width: 0 };
  // From what the chart knows of itself: asking the page would lay it out in the middle of a drawing.
  const { left, width } = scaleOf(state, state.plot);
  const [low, high] = spread(state.low, state.high, 0);
  const share = state.logX ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
  return { left: (share * width + left) / devicePixelRatio, top: top ?? 20, width: state.plot.width };
}

/** Keys of a chart that has the focus: arrows go along it, with the shift key they pan; + and - zoom. */
function press(state, { key, shiftKey, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey) return false;
  const [low, high] = spread(state.low, state.high, 0);
  const at = (share) => valueAt(share, low, high, state.logX);
  const way = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (way && shiftKey) state.onZoom({ x: [at(way * STEP), at(1 + way * STEP)] });
  else if (way) walk(state, way);
  else if (key === "+") state.onZoom({ x: [at(STEP), at(1 - STEP)] });
  else if (key === "-") state.onZoom({ x: [at(-STEP), at(1 + STEP)] });
  else if (key === "0") state.onZoom(null);
  else if (key === "Escape") pointAway();
  else return false;
  return true;
}

/** The next point of the curve that has the most, to the left or to the right. */
function walk(state, way) {
  const longest = state.curves.reduce((best, curve) => (curve.x.length > (best?.x.length || 0) ? curve : best), null);
  if (!longest) return;
  const inside = [...new Set(longest.x)].filter((x) => x >= state.low && x <= state.high);
  const now = crosshair.peek()?.source === state ? crosshair.peek().x : null;
  const at =
    now === null
      ? way > 0
        ? 0
        : inside.length - 1
      : way > 0
        ? inside.findIndex((x) => x > now)
        : inside.findLastIndex((x) => x < now);
  if (inside[at] !== undefined) crosshair.value = { axis: state.x, x: inside[at], source: state };
}

/** The wheel with the control key zooms around the pointer; sideways, or with the shift key, it pans. */
function wheels(box, state) {
  let timer = null;
  let share = [0, 1];
  const wheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    const isPan = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !event.metaKey && !isPan) return;
    event.preventDefault();
    const area = state.plot.over.getBoundingClientRect();
    const width = share[1] - share[0];
    if (isPan) share = share.map((bound) => bound + (sideways / area.width) * width);
    else {
      const around = share[0] + ((event.clientX - area.left) / area.width) * width;
      const factor = Math.exp(Math.sign(event.deltaY) * 0.15);
      share = share.map((bound) => around + (bound - around) * factor);
    }
    // Browsers refuse many changes of the address in a row.
    timer ??= setTimeout(() => {
      const [low, high] = spread(state.low, state.high, 0);
      const next = share.map((bound) => valueAt(bound, low, high, state.logX));
      [timer, share] = [null, [0, 1]];
      if (state.plot) state.onZoom({ x: next });
    }, 60);
  };
  box.addEventListener("wheel", wheel, { passive: false });
  const drag = (event) => {
    if (event.button === 0 && event.shiftKey) pan(event, state);
  };
  box.addEventListener("mousedown", drag, true);
  return () => {
    clearTimeout(timer);
    box.removeEventListener("wheel", wheel);
    box.removeEventListener("mousedown", drag, true);
  };
}

/** Drag with the shift key: the curves go along when the button is let go. */
function pan(event, state) {
  event.preventDefault();
  event.stopPropagation();
  const from = { x: event.clientX, y: event.clientY };
  const end = ({ clientX, clientY }) => {
    removeEventListener("mouseup", end);
    if (!state.plot) return;
    const { width, height } = state.plot.over.getBoundingClientRect();
    const [low, high] = spread(state.low, state.high, 0);
    const across = (from.x - clientX) / width;
    const down = (clientY - from.y) / height;
    const zoom = { x: [across, 1 + across].map((share) => valueAt(share, low, high, state.logX)) };
    const [least, most] = heights(state);
    if (state.span) zoom.y = [down, 1 + down].map((share) => valueAt(share, least, most, state.log));
    state.onZoom(zoom);
  };
  addEventListener("mouseup", end);
}

// An axis that is another metric of each run is called so: `metrics.epoch`.
export const METRIC = "metrics.";

export function shownX(x, value) {
  if (x.startsWith(METRIC)) return `${x.slice(METRIC.length)} ${number(value)}`;
  if (x === "time") return moment(value);
  return x === "relative" ? duration(value * 1000) : `step ${number(value)}`;
}

function plotOf(box, state, height) {
  const style = getComputedStyle(document.documentElement);
  const axis = {
    stroke: style.getPropertyValue("--quiet"),
    grid: { stroke: style.getPropertyValue("--line"), width: 1 },
    ticks: { stroke: style.getPropertyValue("--line"), size: 4 },
    font: FONT,
    gap: 3,
  };
  const time = state.x === "time";
  const across = () => marksOf(state, "x", box.clientWidth);
  const down = () => marksOf(state, "y", height);
  const options = {
    width: box.clientWidth || 360,
    height,
    padding: [6, 10, 0, 0],
    legend: { show: false },
    cursor: { points: { show: false }, x: false, y: false, drag: { setScale: false, x: true, y: true, uni: 24 } },
    scales: {
      x: { time, range: () => (time ? spread(state.low, state.high, 0) : [0, 1]) },
      y: { range: () => [0, 1] },
    },
    axes: [
      time
        ? { ...axis, space: PER_MARK.x, size: 30 }
        : {
            ...axis,
            size: 24,
            splits: () => across().map((mark) => mark.place),
            values: () => across().map((mark) => mark.text),
          },
      {
        ...axis,
        size: (_, texts) => Math.max(...(texts || []).map((text) => text.length * LETTER + 10), 28),
        splits: () => down().map((mark) => mark.place),
        values: () => down().map((mark) => mark.text),
      },
    ],
    ms: 1, // times are in milliseconds
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: { draw: [(plot) => paint(state, plot)], setSelect: [(plot) => zoomTo(state, plot)] },
  };
  return new uPlot(options, framed(state), box);
}

function marksOf(state, axis, pixels) {
  const many = Math.min(Math.max(Math.floor(pixels / PER_MARK[axis]), 2), MARKS_MAX);
  if (axis === "y") return ticksOf(...heights(state), { log: state.log, many });
  const write = state.x === "relative" ? (seconds) => duration(seconds * 1000) : undefined;
  return ticksOf(...spread(state.low, state.high, 0), { log: state.logX, many, write });
}

/** The stretch that was dragged over: of x, of y, or of both, as it is wide and high. */
function zoomTo(state, plot) {
  const { left, top, width, height } = plot.select;
  const area = plot.over.getBoundingClientRect();
  if (width < 4 && height < 4) return;
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  const [low, high] = spread(state.low, state.high, 0);
  const [least, most] = heights(state);
  const x = [left, left + width].map((at) => valueAt(at / area.width, low, high, state.logX));
  const y = [top + height, top].map((at) => valueAt(1 - at / area.height, least, most, state.log));
  state.onZoom({ ...(width < area.width - 1 && { x }), ...(height < area.height - 1 && { y }) });
}

/** uPlot needs something to reckon its scales from; the curves are drawn by us. */
const framed = ({ low, high, x }) => [x === "time" ? [low, high] : [0, 1], [0, 1]];

const spread = (low, high, share) => {
  const room = high > low ? (high - low) * share : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
};

/** Where a logarithmic axis can begin: at the first point to the right of 0. */
function leastPositive(curves, high) {
  let least = Infinity;
  for (const { x } of curves) {
    const at = x.findIndex((value) => value > 0);
    if (at >= 0 && x[at] < least) least = x[at];
  }
  return least < high ? least : 0;
}

/** The range of y; kept for as long as the curves stay, for it is asked for again and again. */
function heights(state) {
  const { curves, low, high, log, tight, span, known } = state;
  if (span && (!log || span[0] > 0)) return span;
  if (
    known?.curves === curves &&
    known.low === low &&
    known.high === high &&
    known.log === log &&
    known.tight === tight
  )
    return known.range;
  const [least, most] = (tight ? typical : extremes)(curves, low, high, log) || (log ? [0.1, 1] : [0, 1]);
  const range = !log ? spread(least, most, 0.05) : least === most ? [least / 2, most * 2] : [least / 1.1, most * 1.1];
  state.known = { curves, low, high, log, tight, range };
  return range;
}

/** @returns {import("./painter.js").Scale} in the pixels of the canvas, or in CSS pixels of the area of the curves */
function scaleOf(state, plot, inside = false) {
  const { left, top, width, height } = plot.bbox;
  const ratio = devicePixelRatio;
  const [low, high] = spread(state.low, state.high, 0);
  const [least, most] = heights(state);
  const range = { low, high, least, most, log: state.log, logX: state.logX };
  if (inside) return { left: 0, top: 0, width: width / ratio, height: height / ratio, ratio: 1, ...range };
  return { left, top, width, height, ratio, ...range };
}

function paint(state, plot) {
  const { painter, curves, done } = state;
  fit(painter.canvas, plot);
  painter.paint(curves, scaleOf(state, plot), () => {
    // Whoever measures waits for this.
    performance.clearMarks("curves-drawn");
    if (done) performance.mark("curves-drawn", { detail: curves.length });
  });
}

function fit(canvas, { width, height }) {
  const [across, down] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width === across && canvas.height === down) return;
  Object.assign(canvas, { width: across, height: down });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
}
