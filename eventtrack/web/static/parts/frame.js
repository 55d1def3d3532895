/** The frame of a chart: where its curves have room, what its axes reach, and their marks. */
import { duration } from "../lib/format.js";
import { typical } from "../lib/outliers.js";
import { ticksOf, timeTicksOf } from "../lib/ticks.js";
import { extremes } from "./painter.js";

const FONT = "11px system-ui, sans-serif";
const LETTER = 6.3; // width of a letter of that font, about
const LINE = 13;
const PER_MARK = { x: 62, y: 30 }; // pixels of an axis for each of its marks
const MARKS_MAX = 10;
const TICK = 4;
const GAP = 3; // between a tick and its text
const TOP = 6;
const RIGHT = 10;
const LEFT_MIN = 28;

/**
 * @typedef {object} Frame
 * @property {import("./painter.js").Scale} scale in the pixels of the canvas
 * @property {import("./painter.js").Scale} inside in CSS pixels of the area of the curves
 * @property {{left: number, top: number, width: number, height: number}} area in CSS pixels of the chart
 * @property {{place: number, text: string, under?: string}[]} across the marks of x
 * @property {{place: number, text: string}[]} down those of y
 *
 * @param {{curves: import("./painter.js").Drawn[], x: string, log: boolean, logX: boolean, tight: boolean,
 *   low: number, high: number, span: [number, number] | null}} shown
 * @param {number} width in CSS pixels
 * @param {number} height
 * @returns {Frame}
 */
export function frameOf(shown, width, height) {
  const { x, log, logX } = shown;
  const ratio = devicePixelRatio;
  const [low, high] = spread(shown.low, shown.high, 0);
  const [least, most] = heights(shown);
  const down = ticksOf(least, most, { log, many: marksIn(height, PER_MARK.y) });
  const left = Math.ceil(Math.max(...down.map(({ text }) => text.length * LETTER + TICK + 2 * GAP), LEFT_MIN));
  const bottom = TICK + GAP + LINE * (x === "time" ? 2 : 1) + 2;
  const area = { left, top: TOP, width: Math.max(width - left - RIGHT, 1), height: height - TOP - bottom };
  const many = marksIn(width, PER_MARK.x);
  const write = x === "relative" ? (seconds) => duration(seconds * 1000) : undefined;
  const across = x === "time" ? timeTicksOf(low, high, many) : ticksOf(low, high, { log: logX, many, write });
  const range = { low, high, least, most, log, logX };
  const inPixels = Object.fromEntries(Object.entries(area).map(([name, size]) => [name, Math.round(size * ratio)]));
  return {
    scale: { ...inPixels, ratio, ...range },
    inside: { ...area, left: 0, top: 0, ratio: 1, ...range },
    area,
    across,
    down,
  };
}

const marksIn = (pixels, each) => Math.min(Math.max(Math.floor(pixels / each), 2), MARKS_MAX);

const spread = (low, high, share) => {
  const room = high > low ? (high - low) * share : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
};

/** The range of y. */
function heights({ curves, low, high, log, tight, span }) {
  if (span && (!log || span[0] > 0)) return span;
  const [least, most] = (tight ? typical : extremes)(curves, low, high, log) || (log ? [0.1, 1] : [0, 1]);
  if (!log) return spread(least, most, 0.05);
  return least === most ? [least / 2, most * 2] : [least / 1.1, most * 1.1];
}

/** Lines across the area at the marks, and their texts. */
export function drawFrame(ctx, { scale, across, down }, [page, line, quiet]) {
  const { left, top, width, height, ratio } = scale;
  ctx.fillStyle = page;
  ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height);
  ctx.fillStyle = line;
  const places = across.map(({ place }) => Math.round(left + place * width));
  const rows = down.map(({ place }) => Math.round(top + (1 - place) * height));
  for (const at of places) ctx.fillRect(at, top, ratio, height + TICK * ratio);
  for (const at of rows) ctx.fillRect(left - TICK * ratio, at, width + TICK * ratio, ratio);
  ctx.save();
  ctx.scale(ratio, ratio);
  Object.assign(ctx, { fillStyle: quiet, font: FONT, textBaseline: "middle", textAlign: "right" });
  down.forEach(({ text }, at) => ctx.fillText(text, left / ratio - TICK - GAP, rows[at] / ratio));
  ctx.textAlign = "center";
  const edge = ctx.canvas.width / ratio;
  const under = (top + height) / ratio + TICK + GAP + LINE / 2;
  across.forEach(({ text, under: below = "" }, at) => {
    const half = (Math.max(text.length, below.length) * LETTER) / 2;
    const middle = Math.max(Math.min(places[at] / ratio, edge - half), half);
    ctx.fillText(text, middle, under);
    if (below) ctx.fillText(below, middle, under + LINE);
  });
  ctx.restore();
}
