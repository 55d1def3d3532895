/** Parallel coordinates: an axis for each param or metric, a line for each run, ranges that filter. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { placesOf, within, writeBrushes } from "../lib/brush.js";
import { shownValue, valueOf } from "../lib/fields.js";
import { go, setQuery } from "../lib/route.js";
import { shadesOf } from "../lib/shades.js";
import { theme } from "../lib/theme.js";
import { cleared, fitted, inks, rimmed, useWidth } from "./canvas.js";

const HEIGHT = 330;
const [TOP, BOTTOM, SIDE] = [44, 16, 46];
const AXIS_WIDTH_MIN = 80;
// How near the pointer has to be to an axis to mark a range, and to a line to name its run.
const GRASP = 14;
const NEAR = 12;

/**
 * @param {object} props
 * @param {object[]} props.rows
 * @param {import("../lib/axes.js").Axis[]} props.axes
 * @param {[string, any, any][]} props.brushes
 * @param {import("../lib/axes.js").Axis} [props.colour]
 */
export function Parallel({ rows, axes, brushes, colour }) {
  const [frame, base, over] = [useRef(), useRef(), useRef()];
  const width = Math.max(useWidth(frame), axes.length * AXIS_WIDTH_MIN);
  const [draft, setDraft] = useState(null);
  const [tip, setTip] = useState(null);
  const dark = theme.value;
  const shown = draft
    ? [...brushes.filter(([name]) => name !== draft[0]), ...(draft.length > 1 ? [draft] : [])]
    : brushes;
  const kept = useMemo(() => within(axes, shown, rows.length), [axes, rows, writeBrushes(shown)]);
  const shades = useMemo(() => shadesOf(colour, rows.length), [colour, rows, dark]);
  const xs = axes.map((_, at) =>
    axes.length === 1 ? width / 2 : SIDE + ((width - 2 * SIDE) * at) / (axes.length - 1),
  );
  const drawn = { rows, axes, xs, kept, shades, width };

  useEffect(() => {
    if (width) drawAll(cleared(base.current, width, HEIGHT), { ...drawn, brushes: shown });
  }, [rows, axes, kept, shades, width, dark]);
  useEffect(() => {
    if (!width) return;
    const ctx = cleared(over.current, width, HEIGHT);
    if (!tip) return;
    Object.assign(ctx, { lineWidth: 3, strokeStyle: inks("text")[0] });
    path(ctx, drawn, tip.at);
    ctx.stroke();
  }, [tip, width, dark, kept]);

  const grasped = (x) => axes.findIndex((_, at) => Math.abs(xs[at] - x) <= GRASP);
  const pointOf = (event) => {
    const box = over.current.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const begin = (event) => {
    const [x, y] = pointOf(event);
    const at = grasped(x);
    if (event.button !== 0 || at < 0 || y < TOP - 16) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setTip(null);
    setDraft([axes[at].name]);
    over.current.from = { at, y };
  };
  const move = (event) => {
    const [x, y] = pointOf(event);
    const { from } = over.current;
    if (from) {
      if (Math.abs(y - from.y) > 3)
        setDraft([axes[from.at].name, ...[from.y, y].map((place) => valueAt(axes[from.at], place))]);
      return;
    }
    event.currentTarget.style.cursor = grasped(x) >= 0 && y >= TOP - 16 ? "crosshair" : "default";
    const at = nearest(drawn, x, y);
    if (at !== null) event.currentTarget.style.cursor = "pointer";
    setTip(at === null ? null : { at, x, y });
  };
  const end = () => {
    const { from } = over.current;
    over.current.from = null;
    if (from) {
      // A press without a drag takes the axis's range back.
      setQuery({ brush: writeBrushes(shown) }, { push: true });
      setDraft(null);
    }
  };
  const open = (event) => {
    const at = nearest(drawn, ...pointOf(event));
    if (at !== null && grasped(pointOf(event)[0]) < 0) go(["runs", rows[at].run_id]);
  };
  return html`
    <div class="scroll" tabindex="0" ref=${frame}>
      <div class="canvases" style=${{ height: `${HEIGHT}px`, width: `${width}px` }} role="img"
        aria-label=${`Parallel coordinates of ${rows.length} runs over ${axes.map((axis) => axis.label).join(", ")}`}
        onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end}
        onPointerLeave=${() => setTip(null)} onClick=${open}>
        <canvas ref=${base}></canvas><canvas ref=${over}></canvas>
        ${
          tip &&
          html`<div class="tip" style=${{
            top: `${Math.max(tip.y - 20, 0)}px`,
            [tip.x > width / 2 ? "right" : "left"]: `${(tip.x > width / 2 ? width - tip.x : tip.x) + 16}px`,
          }}>
          <strong>${rows[tip.at].run_name}</strong>
          ${axes.map(
            ({ name, label }) => html`<div key=${name}><span class="quiet">
            ${label}</span> ${
              valueOf(rows[tip.at], name) === undefined ? "–" : shownValue(name, valueOf(rows[tip.at], name))
            }</div>`,
          )}
        </div>`
        }
      </div>
    </div>
  `;
}

const yOf = (place) => TOP + (1 - place) * (HEIGHT - TOP - BOTTOM);

/** The value at a height; a little beyond the ends, so that they can be marked too. */
function valueAt(axis, y) {
  const place = 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM);
  const value = axis.at(Math.max(-0.02, Math.min(place, 1.02)));
  return typeof value === "number" ? Number(value.toPrecision(6)) : value;
}

function drawAll(ctx, { rows, axes, xs, kept, shades, width, brushes }) {
  const [text, quiet, strong, page, link] = inks("text", "quiet", "line-strong", "page", "link");
  const drawn = { axes, xs };
  const count = kept.reduce((sum, flag) => sum + flag, 0);
  ctx.lineJoin = "round";
  ctx.lineWidth = 1;
  if (count < rows.length) {
    ctx.globalAlpha = 0.16;
    ctx.strokeStyle = quiet;
    ctx.beginPath();
    for (let at = 0; at < rows.length; at++) if (!kept[at]) trace(ctx, drawn, at);
    ctx.stroke();
  }
  ctx.globalAlpha = Math.max(0.3, Math.min(0.9, 9 / Math.sqrt(count || 1)));
  ctx.lineWidth = count > 300 ? 1 : 1.5;
  for (let at = 0; at < rows.length; at++) {
    if (!kept[at]) continue;
    ctx.strokeStyle = shades[at];
    path(ctx, drawn, at);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
  const room = Math.max((width - 2 * SIDE) / Math.max(axes.length - 1, 1), AXIS_WIDTH_MIN) - 12;
  axes.forEach((axis, place) => {
    const x = xs[place];
    ctx.lineWidth = 1;
    ctx.strokeStyle = strong;
    ctx.beginPath();
    ctx.moveTo(x, TOP);
    ctx.lineTo(x, HEIGHT - BOTTOM);
    ctx.stroke();
    const marked = brushes.find(([name]) => name === axis.name);
    if (marked) {
      const [low, high] = placesOf(axis, marked).map((place) => yOf(Math.max(-0.02, Math.min(place, 1.02))));
      ctx.fillStyle = link;
      ctx.globalAlpha = 0.25;
      ctx.fillRect(x - 7, high, 14, low - high);
      ctx.globalAlpha = 1;
      ctx.strokeStyle = link;
      ctx.strokeRect(x - 7, high, 14, low - high);
    }
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.fillStyle = text;
    const few = axis.ticks.length > 16 ? Math.ceil(axis.ticks.length / 16) : 1;
    axis.ticks.forEach(
      (tick, at) =>
        at % few === 0 && rimmed(ctx, fitted(ctx, tick.text, Math.min(room - 8, 90)), x + 6, yOf(tick.place), page),
    );
    ctx.textAlign = place === 0 ? "left" : place === axes.length - 1 ? "right" : "center";
    const edge = place === 0 ? x - SIDE + 4 : place === axes.length - 1 ? x + SIDE - 4 : x;
    ctx.font = "600 12px system-ui, sans-serif";
    ctx.fillStyle = text;
    ctx.fillText(fitted(ctx, axis.label, room), edge, 12);
    ctx.font = "11px system-ui, sans-serif";
    ctx.fillStyle = quiet;
    ctx.fillText(axis.scale === "log" ? "log" : "", edge, 27);
  });
}

function path(ctx, drawn, at) {
  ctx.beginPath();
  trace(ctx, drawn, at);
}

/** A line through the run's values; it is broken where there is none. */
function trace(ctx, { axes, xs }, at) {
  let pen = false;
  for (let place = 0; place < axes.length; place++) {
    const value = axes[place].places[at];
    if (Number.isNaN(value)) {
      pen = false;
      continue;
    }
    if (pen) ctx.lineTo(xs[place], yOf(value));
    else ctx.moveTo(xs[place], yOf(value));
    pen = true;
  }
}

/** The run whose line is nearest to a point, between two axes. */
function nearest({ rows, axes, xs, kept }, x, y) {
  const right = xs.findIndex((place) => place > x);
  if (right <= 0) return null;
  const share = (x - xs[right - 1]) / (xs[right] - xs[right - 1]);
  let [best, distance] = [null, NEAR];
  for (let at = 0; at < rows.length; at++) {
    if (!kept[at]) continue;
    const [a, b] = [axes[right - 1].places[at], axes[right].places[at]];
    const off = Math.abs(yOf(a + (b - a) * share) - y);
    if (off < distance) [best, distance] = [at, off];
  }
  return best;
}
