/** Histograms: of one step as bars, of all steps as ridges or as a heat map. */
import { html, useEffect, useRef } from "../lib/ui.js";
import { count, number } from "../lib/format.js";
import { theme } from "../lib/theme.js";

const BARS = { width: 320, height: 120 };
const CELLS = 64;
const RIDGES = 40;
const SIZE = { width: 640, height: 300, left: 56, bottom: 22 };

/** A histogram as bars as wide as their stretches. */
export function Bars({ item: { edges, counts, step }, label }) {
  const low = edges[0];
  const reach = edges.at(-1) - low || 1;
  const dense = counts.map((count, at) => count / (edges[at + 1] - edges[at] || reach));
  const most = Math.max(...dense, 0) || 1;
  const x = (edge) => ((edge - low) / reach) * BARS.width;
  const sum = counts.reduce((all, count) => all + count, 0);
  return html`<figure>
    <svg class="bars" role="img" aria-label=${label} viewBox=${`0 0 ${BARS.width} ${BARS.height}`}>${dense.map(
      (height, at) => html`<rect x=${x(edges[at])} width=${Math.max(x(edges[at + 1]) - x(edges[at]), 0.5)}
        y=${BARS.height * (1 - Math.max(height, 0) / most)} height=${(BARS.height * Math.max(height, 0)) / most}>
        <title>${`${number(counts[at])} in ${number(edges[at])} to ${number(edges[at + 1])}`}</title></rect>`,
    )}</svg>
    <figcaption class="quiet">${number(low)} to ${number(edges.at(-1))}, ${count(sum, "value")}, step ${number(step)}
    </figcaption></figure>`;
}

/** The share of a histogram in each of equal cells from `low` to `high`; sums to 1 where all lies within. */
export function shares({ edges, counts }, low, high, cells = CELLS) {
  const result = new Float64Array(cells);
  const width = (high - low) / cells || 1;
  const sum = counts.reduce((all, count) => all + Math.max(count, 0), 0) || 1;
  counts.forEach((count, at) => {
    const [from, to] = [edges[at], edges[at + 1]];
    if (!(count > 0) || !Number.isFinite(from) || !Number.isFinite(to)) return;
    const first = Math.min(Math.max(Math.floor((from - low) / width), 0), cells - 1);
    const last = Math.min(Math.max(Math.ceil((to - low) / width) - 1, first), cells - 1);
    for (let cell = first; cell <= last; cell++) {
      const overlap = Math.min(to, low + (cell + 1) * width) - Math.max(from, low + cell * width);
      result[cell] += (to > from ? Math.max(overlap, 0) / (to - from) : 1 / (last - first + 1)) * (count / sum);
    }
  });
  return result;
}

/** All steps at once. @param {{items: object[], mode: "ridge" | "heat", label: string}} props */
export function OverSteps({ items, mode, label }) {
  const canvas = useRef();
  const low = Math.min(...items.map((item) => item.edges[0]));
  const high = Math.max(...items.map((item) => item.edges.at(-1)));
  const ordered = [...items].sort((a, b) => a.step - b.step);
  useEffect(() => {
    const ratio = devicePixelRatio || 1;
    canvas.current.width = SIZE.width * ratio;
    canvas.current.height = SIZE.height * ratio;
    const pen = canvas.current.getContext("2d");
    pen.scale(ratio, ratio);
    const colours = getComputedStyle(canvas.current);
    const paint = { line: colours.getPropertyValue("--link"), page: colours.getPropertyValue("--page") };
    pen.clearRect(0, 0, SIZE.width, SIZE.height);
    (mode === "heat" ? heat : ridge)(pen, ordered, low, high, paint);
    axes(pen, ordered, low, high, colours.getPropertyValue("--quiet"), mode);
  }, [items, mode, theme.value]);
  return html`<figure><canvas class="oversteps" ref=${canvas} role="img"
    aria-label=${`${label}: ${items.length} steps, from ${number(low)} to ${number(high)}`}></canvas></figure>`;
}

const right = SIZE.width - 8;
const bottom = SIZE.height - SIZE.bottom;

/** Steps run to the right, values upwards; the darker, the more of a step's values lie there. */
function heat(pen, items, low, high, { line }) {
  const width = (right - SIZE.left) / items.length;
  const height = bottom / CELLS;
  pen.fillStyle = line;
  items.forEach((item, at) => {
    const part = shares(item, low, high);
    const most = Math.max(...part) || 1;
    part.forEach((share, cell) => {
      pen.globalAlpha = Math.sqrt(share / most);
      if (share > 0) pen.fillRect(SIZE.left + at * width, bottom - (cell + 1) * height, width + 0.5, height + 0.5);
    });
  });
  pen.globalAlpha = 1;
}

/** Values run to the right; each of at most so many steps is a ridge, the last one in front. */
function ridge(pen, items, low, high, { line, page }) {
  const every = Math.ceil(items.length / RIDGES);
  const chosen = items.filter((_, at) => (items.length - 1 - at) % every === 0);
  const gap = (bottom - 70) / Math.max(chosen.length - 1, 1);
  const width = (right - SIZE.left) / CELLS;
  chosen.forEach((item, at) => {
    const part = shares(item, low, high);
    const most = Math.max(...part) || 1;
    const base = chosen.length > 1 ? 70 + at * gap : bottom;
    pen.beginPath();
    pen.moveTo(SIZE.left, base);
    part.forEach((share, cell) => pen.lineTo(SIZE.left + (cell + 0.5) * width, base - (share / most) * 64));
    pen.lineTo(right, base);
    pen.globalAlpha = 0.85;
    pen.fillStyle = page;
    pen.fill();
    pen.globalAlpha = 0.35 + (0.65 * (at + 1)) / chosen.length;
    pen.strokeStyle = line;
    pen.lineWidth = 1.3;
    pen.stroke();
  });
  pen.globalAlpha = 1;
}

function axes(pen, items, low, high, colour, mode) {
  const steps = [items[0].step, items.at(-1).step];
  const [across, along] = mode === "heat" ? [steps, [low, high]] : [[low, high], steps];
  pen.fillStyle = colour;
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.fillText(number(across[0]), SIZE.left, SIZE.height - 6);
  pen.textAlign = "center";
  pen.fillText(mode === "heat" ? "step" : "value", (SIZE.left + right) / 2, SIZE.height - 6);
  pen.textAlign = "right";
  pen.fillText(number(across[1]), right, SIZE.height - 6);
  const [top, under] = mode === "heat" ? [along[1], along[0]] : along;
  pen.fillText(number(top), SIZE.left - 6, mode === "heat" ? 12 : 70);
  pen.fillText(number(under), SIZE.left - 6, bottom);
}
