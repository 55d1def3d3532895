/** One chart: uPlot's axes and zoom, curves that we draw, and what is under the pointer. */
import uPlot from "uplot";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { duration, moment, number } from "../lib/format.js";
import { typical } from "../lib/outliers.js";
import { theme } from "../lib/theme.js";
import { Painter, dot, extremes, line, onX, onY } from "./painter.js";

const HEIGHT = 220;
// How near the pointer has to be to a point, in CSS pixels.
const NEAR = 40;

/**
 * @param {{curves: import("./painter.js").Drawn[], done: boolean, x: string, log: boolean, tight: boolean,
 *   low: number, high: number, onZoom: Function, label: string}} props
 */
export function Plot({ curves, done, x, log, tight, low, high, onZoom, label }) {
  const box = useRef();
  const ink = useRef();
  const over = useRef();
  const state = useRef({});
  const [tip, setTip] = useState(null);
  Object.assign(state.current, { curves, done, x, log, tight, low, high, onZoom });
  const dark = theme.value;

  useEffect(() => {
    const mine = state.current;
    mine.painter = new Painter(ink.current);
    mine.plot = plotOf(box.current, mine);
    const sized = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (width && width !== mine.plot.width) mine.plot.setSize({ width, height: HEIGHT });
    });
    sized.observe(box.current);
    return () => {
      sized.disconnect();
      mine.painter.stop();
      mine.plot.destroy();
      mine.plot = null;
    };
  }, [x, log, tight, dark]);

  useEffect(() => {
    state.current.plot.setData(framed(state.current));
    setTip(null);
    clear(over.current);
  }, [curves, done, low, high]);

  const pointer = useRef(null);
  useEffect(() => () => cancelAnimationFrame(pointer.current), []);
  const move = ({ clientX, clientY }) => {
    cancelAnimationFrame(pointer.current);
    pointer.current = requestAnimationFrame(() => {
      const point = state.current.plot && nearest(state.current, clientX, clientY);
      clear(over.current);
      if (point) highlight(over.current, state.current, point);
      setTip(point);
    });
  };
  const leave = () => {
    cancelAnimationFrame(pointer.current);
    clear(over.current);
    setTip(null);
  };
  return html`
    <div class="plot" role="img" aria-label=${label} onMouseMove=${move} onMouseLeave=${leave}
      onDblClick=${() => onZoom(null)}>
      <div ref=${box}></div>
      <canvas class="over" ref=${ink}></canvas>
      <canvas class="over" ref=${over}></canvas>
      ${tip && html`<${Tip} tip=${tip} x=${x} width=${state.current.plot.width} />`}
    </div>
  `;
}

function Tip({ tip: { curve, at, left, top }, x, width }) {
  const flip = left > width / 2;
  const place = {
    top: `${Math.max(top - 44, 0)}px`,
    [flip ? "right" : "left"]: `${(flip ? width - left : left) + 12}px`,
  };
  return html`<div class="tip" style=${place}>
    <div><span class="swatch" style=${{ color: curve.colour }}></span> ${curve.label}</div>
    <strong>${number(curve.y[at])}</strong> <span class="quiet">at ${shownX(x, curve.x[at])}</span>
  </div>`;
}

// An axis that is another metric of each run is called so: `metrics.epoch`.
export const METRIC = "metrics.";

export function shownX(x, value) {
  if (x.startsWith(METRIC)) return `${x.slice(METRIC.length)} ${number(value)}`;
  if (x === "time") return moment(value);
  return x === "relative" ? duration(value * 1000) : `step ${number(value)}`;
}

function plotOf(box, state) {
  const style = getComputedStyle(document.documentElement);
  const axis = {
    stroke: style.getPropertyValue("--quiet"),
    grid: { stroke: style.getPropertyValue("--line"), width: 1 },
    ticks: { stroke: style.getPropertyValue("--line"), size: 4 },
    font: "11px system-ui, sans-serif",
  };
  const options = {
    width: box.clientWidth || 360,
    height: HEIGHT,
    legend: { show: false },
    cursor: { points: { show: false }, y: false, drag: { setScale: false, x: true, y: false } },
    scales: {
      x: { time: state.x === "time", range: () => spread(state.low, state.high, 0) },
      y: { distr: state.log ? 3 : 1, range: () => heights(state) },
    },
    axes: [
      {
        ...axis,
        space: 70,
        ...(state.x === "relative" ? { values: (_, all) => all.map((number) => duration(number * 1000)) } : {}),
      },
      { ...axis, size: 58, values: (_, all) => all.map((value) => (value === null ? "" : number(value))) },
    ],
    ms: 1, // times are in milliseconds
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => paint(state, plot)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          state.onZoom(range);
        },
      ],
    },
  };
  return new uPlot(options, framed(state), box);
}

/** uPlot needs something to reckon its scales from; the curves are drawn by us. */
const framed = ({ low, high }) => [
  [low, high],
  [0, 1],
];

const spread = (low, high, share) => {
  const room = high > low ? (high - low) * share : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
};

/** The range of y; kept for as long as the curves stay, for it is asked for again and again. */
function heights(state) {
  const { curves, low, high, log, tight, known } = state;
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
  const range = { low, high, least, most, log: state.log };
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

/** The point nearest to the pointer, over all curves. */
function nearest(state, clientX, clientY) {
  const { plot, curves, log } = state;
  const area = plot.over.getBoundingClientRect();
  const left = clientX - area.left;
  const top = clientY - area.top;
  if (left < 0 || top < 0 || left > area.width || top > area.height) return null;
  const scale = scaleOf(state, plot, true);
  const wanted = scale.low + (left / scale.width) * (scale.high - scale.low);
  let best = null;
  let least = Math.max(NEAR, area.width / 8) ** 2;
  for (const curve of curves) {
    const start = lowerBound(curve.x, wanted);
    // Several points share a pixel: the minimum and the maximum of a bucket, say.
    for (let at = Math.max(start - 3, 0); at < Math.min(start + 3, curve.x.length); at++) {
      const value = curve.y[at];
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      const x = onX(scale, curve.x[at]);
      const y = onY(scale, value);
      const distance = (x - left) ** 2 + (y - top) ** 2;
      if (distance < least && x >= -1 && x <= area.width + 1) {
        least = distance;
        best = { curve, at, x, y };
      }
    }
  }
  if (!best) return null;
  const box = plot.root.getBoundingClientRect();
  return { ...best, left: best.x + area.left - box.left, top: best.y + area.top - box.top };
}

function lowerBound(values, wanted) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function clear(canvas) {
  if (canvas) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function highlight(canvas, state, { curve, left, top }) {
  fit(canvas, state.plot);
  const ctx = canvas.getContext("2d");
  line(ctx, scaleOf(state, state.plot), curve, curve.y, { width: 3, alpha: 1, plain: false });
  ctx.fillStyle = curve.colour;
  dot(ctx, left * devicePixelRatio, top * devicePixelRatio, 4 * devicePixelRatio);
}
