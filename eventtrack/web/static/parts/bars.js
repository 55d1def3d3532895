/** The last, least or greatest value of each curve of a chart as a bar: what a single point says best. */
import { html } from "../lib/ui.js";
import { number } from "../lib/format.js";
import { pointedRun } from "../lib/pointer.js";

// Longer lists help nobody: the greatest and the least are what one looks for.
const SHOWN = 200;

export const figureOf = ({ of }, which) => {
  const values = of
    .map(({ y }) => (which === "last" ? y.at(-1) : y.reduce(...(which === "min" ? LEAST : MOST))))
    .filter(Number.isFinite);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
};
const LEAST = [(least, value) => (value < least ? value : least), Infinity];
const MOST = [(most, value) => (value > most ? value : most), -Infinity];

/**
 * @param {{curves: import("./painter.js").Drawn[], which: "last" | "min" | "max", height: number, label: string}} props
 */
export function Bars({ curves, which, height, label }) {
  const entries = curves
    .map((curve) => ({ curve, value: figureOf(curve, which) }))
    .filter(({ value }) => !Number.isNaN(value));
  entries.sort((a, b) => b.value - a.value);
  const most = Math.max(0, ...entries.map(({ value }) => value));
  const least = Math.min(0, ...entries.map(({ value }) => value));
  const share = (value) => `${((value - least) / (most - least || 1)) * 100}%`;
  const pointed = pointedRun.value;
  return html`<div class="barlist" style=${{ height: `${height}px` }} role="list" tabindex="0"
    aria-label=${`${which} of ${label}`}
    onMouseLeave=${() => (pointedRun.value = null)}>
    ${entries.slice(0, SHOWN).map(
      ({ curve, value }) => html`<div role="listitem" key=${`${curve.runId} ${curve.key}`}
      data-dim=${pointed !== null && pointed !== curve.runId} onMouseEnter=${() => (pointedRun.value = curve.runId)}>
      <span class="label" title=${curve.label}>${curve.label}</span>
      <span class="track"><i style=${{
        left: share(Math.min(value, 0)),
        width: `calc(${share(Math.max(value, 0))} - ${share(Math.min(value, 0))})`,
        background: curve.colour,
      }}></i></span>
      <span class="num">${number(value)}</span></div>`,
    )}
    ${entries.length > SHOWN && html`<p class="quiet">The first ${SHOWN} of ${number(entries.length)}.</p>`}
  </div>`;
}
