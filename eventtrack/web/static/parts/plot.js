/** One chart: uPlot's axes and zoom, curves that we draw, and what is under the pointer. */
import uPlot from "uplot";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { duration, moment, number } from "../lib/format.js";
import { theme } from "../lib/theme.js";

/**
 * @typedef {{label: string, colour: string, dash: number[], x: Float64Array, y: Float64Array, faint?: Float64Array}} Drawn
 */

// How near the pointer has to be to a point, in CSS pixels.
const NEAR = 40;

/** @param {{curves: Drawn[], x: string, log: boolean, low: number, high: number, onZoom: Function, label: string}} props */
export function Plot({ curves, x, log, low, high, onZoom, label }) {
  const box = useRef();
  const over = useRef();
  const state = useRef({});
  const [tip, setTip] = useState(null);
  Object.assign(state.current, { curves, x, log, low, high, onZoom });
  const dark = theme.value;

  useEffect(() => {
    const make = () => {
      state.current.plot?.destroy();
      state.current.plot = plotOf(box.current, state.current);
    };
    make();
    const sized = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (width && width !== state.current.plot.width) state.current.plot.setSize({ width, height: 220 });
    });
    sized.observe(box.current);
    return () => {
      sized.disconnect();
      state.current.plot.destroy();
    };
  }, [x, log, dark]);

  useEffect(() => {
    state.current.plot.setData(framed(state.current));
    setTip(null);
    clear(over.current);
  }, [curves, low, high]);

  const move = (event) => {
    const { plot } = state.current;
    const found = nearest(plot, state.current, event);
    clear(over.current);
    if (!found) return setTip(null);
    highlight(over.current, plot, state.current, found);
    setTip({ ...found, flip: found.left > plot.width / 2 });
  };
  const leave = () => {
    clear(over.current);
    setTip(null);
  };
  return html`
    <div class="plot" role="img" aria-label=${label} onMouseMove=${move} onMouseLeave=${leave}
      onDblClick=${() => onZoom(null)}>
      <div ref=${box}></div>
      <canvas class="over" ref=${over}></canvas>
      ${tip && html`<div class="tip" style=${{ top: `${Math.max(tip.top - 44, 0)}px`, [tip.flip ? "right" : "left"]: `${(tip.flip ? state.current.plot.width - tip.left : tip.left) + 12}px` }}>
        <div><span class="swatch" style=${{ color: tip.curve.colour }}></span> ${tip.curve.label}</div>
        <strong>${number(tip.curve.y[tip.at])}</strong> <span class="quiet">at ${shownX(x, tip.curve.x[tip.at])}</span>
      </div>`}
    </div>
  `;
}

export function shownX(x, value) {
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
    height: 220,
    legend: { show: false },
    cursor: { points: { show: false }, y: false, drag: { setScale: false, x: true, y: false } },
    scales: {
      x: { time: state.x === "time", range: () => spread(state.low, state.high, 0) },
      y: { distr: state.log ? 3 : 1, range: () => heights(state) },
    },
    axes: [
      { ...axis, space: 70, ...(state.x === "relative" ? { values: (_, all) => all.map((one) => duration(one * 1000)) } : {}) },
      { ...axis, size: 58, values: (_, all) => all.map((one) => (one === null ? "" : number(one))) },
    ],
    ms: 1, // times are in milliseconds
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => drawAll(plot, state)],
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
const framed = ({ low, high }) => [[low, high], [0, 1]];

const spread = (low, high, share) => {
  const room = high > low ? (high - low) * share : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
};

function heights({ curves, low, high, log }) {
  let least = Infinity;
  let most = -Infinity;
  for (const { x, y } of curves) {
    for (let at = 0; at < y.length; at++) {
      const value = y[at];
      if (x[at] < low || x[at] > high || !Number.isFinite(value) || (log && value <= 0)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  if (least > most) return log ? [0.1, 1] : [0, 1];
  if (log) return least === most ? [least / 2, most * 2] : [least / 1.1, most * 1.1];
  return spread(least, most, 0.05);
}

function drawAll(plot, state) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const ratio = devicePixelRatio;
  for (const curve of state.curves) {
    if (curve.faint) line(ctx, plot, state, curve, curve.faint, { width: ratio, alpha: 0.28, ratio });
    line(ctx, plot, state, curve, curve.y, { width: 1.5 * ratio, alpha: 1, ratio });
  }
  ctx.restore();
}

function line(ctx, plot, state, { colour, dash, x }, y, { width, alpha, ratio }) {
  const toX = (value) => plot.valToPos(value, "x", true);
  const toY = (value) => plot.valToPos(value, "y", true);
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.globalAlpha = alpha;
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  ctx.setLineDash(dash.map((one) => one * ratio));
  ctx.beginPath();
  let pen = false;
  let drawn = 0;
  let last = null;
  for (let at = 0; at < y.length; at++) {
    if (!Number.isFinite(y[at]) || (state.log && y[at] <= 0)) {
      pen = false;
      continue;
    }
    last = [toX(x[at]), toY(y[at])];
    if (pen) ctx.lineTo(...last);
    else ctx.moveTo(...last);
    pen = true;
    drawn++;
  }
  ctx.stroke();
  if (drawn === 1) {
    // A single point is no line: it would be invisible.
    ctx.beginPath();
    ctx.arc(...last, 3 * ratio, 0, 2 * Math.PI);
    ctx.fill();
  }
}

/** The point nearest to the pointer, over all curves. */
function nearest(plot, { curves, log }, event) {
  const area = plot.over.getBoundingClientRect();
  const left = event.clientX - area.left;
  const top = event.clientY - area.top;
  if (left < 0 || top < 0 || left > area.width || top > area.height) return null;
  const wanted = plot.posToVal(left, "x");
  let best = null;
  for (const curve of curves) {
    const start = lowerBound(curve.x, wanted);
    // Several points share a pixel: the minimum and the maximum of a bucket, say.
    for (let at = Math.max(start - 3, 0); at < Math.min(start + 3, curve.x.length); at++) {
      const value = curve.y[at];
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      const x = plot.valToPos(curve.x[at], "x");
      const y = plot.valToPos(value, "y");
      if (x < -1 || x > area.width + 1) continue;
      const distance = Math.hypot(x - left, y - top);
      if (!best || distance < best.distance) best = { curve, at, distance, x, y };
    }
  }
  if (!best || best.distance > Math.max(NEAR, area.width / 8)) return null;
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

function highlight(canvas, plot, state, { curve, left, top }) {
  const ratio = devicePixelRatio;
  const width = plot.width * ratio;
  const height = plot.height * ratio;
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    Object.assign(canvas.style, { width: `${plot.width}px`, height: `${plot.height}px` });
  }
  const ctx = canvas.getContext("2d");
  const { bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  line(ctx, plot, state, curve, curve.y, { width: 3 * ratio, alpha: 1, ratio });
  ctx.beginPath();
  ctx.setLineDash([]);
  ctx.arc(left * ratio, top * ratio, 4 * ratio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.restore();
}
