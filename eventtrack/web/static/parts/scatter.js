/** Runs as points over any two of their metrics, params and attributes. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { shownValue, valueOf } from "../lib/fields.js";
import { go } from "../lib/route.js";
import { shadesOf } from "../lib/shades.js";
import { theme } from "../lib/theme.js";
import { cleared, fitted, inks, useWidth } from "./canvas.js";

const HEIGHT = 420;
const [LEFT, RIGHT, TOP, BOTTOM] = [74, 18, 14, 44];
const NEAR = 18;

/**
 * @param {object} props
 * @param {object[]} props.rows
 * @param {import("../lib/axes.js").Axis} props.x
 * @param {import("../lib/axes.js").Axis} props.y
 * @param {import("../lib/axes.js").Axis} [props.colour]
 * @param {Uint8Array} props.kept which of the rows are drawn
 * @param {import("../lib/picked.js").Picked} props.picked
 */
export function Scatter({ rows, x, y, colour, kept, picked }) {
  const [frame, base, over] = [useRef(), useRef(), useRef()];
  const width = useWidth(frame);
  const [tip, setTip] = useState(null);
  const dark = theme.value;
  const shades = useMemo(() => shadesOf(colour, rows.length), [colour, rows, dark]);
  const size = rows.length > 500 ? 3 : 4.5;
  const spot = (at) => [
    LEFT + inset(x.places[at]) * (width - LEFT - RIGHT),
    TOP + (1 - inset(y.places[at])) * (HEIGHT - TOP - BOTTOM),
  ];

  useEffect(() => {
    if (!width) return;
    const ctx = cleared(base.current, width, HEIGHT);
    drawAxes(ctx, x, y, width);
    const [page, text] = inks("page", "text");
    for (let at = 0; at < rows.length; at++) {
      const [left, top] = spot(at);
      if (!kept[at] || Number.isNaN(left + top)) continue;
      const chosen = picked.has(rows[at].run_id);
      disc(ctx, left, top, chosen ? size + 1.5 : size);
      ctx.globalAlpha = 0.85;
      ctx.fillStyle = shades[at];
      ctx.fill();
      ctx.globalAlpha = 1;
      Object.assign(ctx, { lineWidth: chosen ? 2 : 0.75, strokeStyle: chosen ? text : page });
      ctx.stroke();
    }
  }, [rows, x, y, shades, width, kept, dark, picked]);
  useEffect(() => {
    if (!width) return;
    const ctx = cleared(over.current, width, HEIGHT);
    if (!tip) return;
    disc(ctx, ...spot(tip.at), size + 3.5);
    Object.assign(ctx, { lineWidth: 2.5, strokeStyle: inks("text")[0] });
    ctx.stroke();
  }, [tip, width, dark]);

  const nearest = (event) => {
    const box = over.current.getBoundingClientRect();
    let [best, distance] = [null, NEAR];
    for (let at = 0; at < rows.length; at++) {
      const [left, top] = spot(at);
      const off = kept[at] ? Math.hypot(left - event.clientX + box.left, top - event.clientY + box.top) : NaN;
      if (off < distance) [best, distance] = [at, off];
    }
    return best;
  };
  const move = (event) => {
    const at = nearest(event);
    if (at !== tip?.at) setTip(at === null ? null : { at });
  };
  const [left, top] = tip ? spot(tip.at) : [0, 0];
  return html`
    <div class="canvases" ref=${frame} style=${{ height: `${HEIGHT}px`, cursor: tip ? "pointer" : "default" }}
      role="img"
      aria-label=${`${y.label} over ${x.label} of ${rows.length} runs`}
      onPointerMove=${move} onPointerLeave=${() => setTip(null)} onClick=${(event) =>
        nearest(event) !== null && go(["runs", rows[nearest(event)].run_id])}>
      <canvas ref=${base}></canvas><canvas ref=${over}></canvas>
      ${
        tip &&
        html`<div class="tip" style=${{
          top: `${Math.max(top - 30, 0)}px`,
          [left > width / 2 ? "right" : "left"]: `${(left > width / 2 ? width - left : left) + 14}px`,
        }}>
        <strong>${rows[tip.at].run_name}</strong>
        ${[x, y, colour].map(
          (axis) =>
            axis &&
            html`<div><span class="quiet">
          ${axis.label}</span> ${shownValue(axis.name, valueOf(rows[tip.at], axis.name))}</div>`,
        )}
      </div>`
      }
    </div>
  `;
}

/** Points at the ends of an axis do not touch the frame. */
const inset = (place) => 0.03 + place * 0.94;

function disc(ctx, x, y, radius) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
}

function drawAxes(ctx, x, y, width) {
  const [text, quiet, line] = inks("text", "quiet", "line");
  const [right, bottom] = [width - RIGHT, HEIGHT - BOTTOM];
  ctx.lineWidth = 1;
  ctx.textBaseline = "middle";
  let free = -Infinity;
  for (const tick of x.ticks) {
    const at = LEFT + inset(tick.place) * (right - LEFT);
    stroke(ctx, line, at, TOP, at, bottom);
    const shown = fitted(ctx, tick.text, 90);
    const half = ctx.measureText(shown).width / 2;
    if (at - half < free) continue; // no text over another
    free = at + half + 6;
    ctx.fillStyle = quiet;
    ctx.textAlign = "center";
    ctx.fillText(shown, Math.min(at, width - half - 2), bottom + 12);
  }
  free = Infinity;
  for (const tick of y.ticks) {
    const at = TOP + (1 - inset(tick.place)) * (bottom - TOP);
    stroke(ctx, line, LEFT, at, right, at);
    if (at > free - 13) continue;
    free = at;
    ctx.fillStyle = quiet;
    ctx.textAlign = "right";
    ctx.fillText(fitted(ctx, tick.text, LEFT - 26), LEFT - 6, at);
  }
  ctx.font = "600 12px system-ui, sans-serif";
  ctx.fillStyle = text;
  ctx.textAlign = "center";
  ctx.fillText(fitted(ctx, named(x), right - LEFT), (LEFT + right) / 2, HEIGHT - 12);
  ctx.save();
  ctx.translate(10, (TOP + bottom) / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.fillText(fitted(ctx, named(y), bottom - TOP), 0, 0);
  ctx.restore();
}

const named = (axis) => `${axis.label}${axis.scale === "log" ? " (log)" : ""}`;

function stroke(ctx, ink, ...[x0, y0, x1, y1]) {
  ctx.strokeStyle = ink;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}
