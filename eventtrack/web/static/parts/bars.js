/** The last, least or greatest value of each curve of a chart as a bar, and those of each group of runs as a box. */
import { html } from "../lib/ui.js";
import { meanOf, quantile } from "../lib/bands.js";
import { number } from "../lib/format.js";
import { pointedRun } from "../lib/pointer.js";

// Longer lists help nobody: the greatest and the least are what one looks for.
const SHOWN = 200;

const figuresOf = ({ of }, which) =>
  of
    .map(({ y }) => (which === "last" ? y.at(-1) : y.reduce(...(which === "min" ? LEAST : MOST))))
    .filter(Number.isFinite);
const LEAST = [(least, value) => (value < least ? value : least), Infinity];
const MOST = [(most, value) => (value > most ? value : most), -Infinity];

/** That of a run, or the mean of those of a group's runs. */
export const figureOf = (curve, which) => meanOf(figuresOf(curve, which));

/**
 * @param {{curves: import("./painter.js").Drawn[], which: "last" | "min" | "max", height: number, label: string}} props
 */
export function Bars({ curves, which, height, label }) {
  const entries = curves
    .map((curve) => ({ curve, values: Float64Array.from(figuresOf(curve, which)).sort() }))
    .filter(({ values }) => values.length)
    .map((entry) => ({ ...entry, value: meanOf(entry.values) }));
  entries.sort((a, b) => b.value - a.value);
  const boxes = entries.some(({ values }) => values.length > 1);
  // Bars are as long as their values; boxes differ by less than that, so theirs begin where the values do.
  const from = boxes ? [] : [0];
  const most = Math.max(...from, ...entries.map(({ values }) => values.at(-1)));
  const least = Math.min(...from, ...entries.map(({ values }) => values[0]));
  const share = (value) => `${((value - least) / (most - least || 1)) * 100}%`;
  const pointed = pointedRun.value;
  return html`<div class="barlist" style=${{ height: `${height}px` }} role="list" tabindex="0"
    aria-label=${`${which} of ${label}`}
    onMouseLeave=${() => (pointedRun.value = null)}>
    ${entries.slice(0, SHOWN).map(
      ({ curve, value, values }) => html`<div role="listitem" key=${`${curve.runId} ${curve.key}`}
      data-dim=${pointed !== null && pointed !== curve.runId} onMouseEnter=${() => (pointedRun.value = curve.runId)}>
      <span class="label" title=${curve.label}>${curve.label}</span>
      <span class="track">${
        boxes
          ? html`<${Box} values=${values} share=${share} colour=${curve.colour} />`
          : html`<i style=${stretch(share, Math.min(value, 0), Math.max(value, 0), curve.colour)}></i>`
      }</span>
      <span class="num">${number(boxes ? Number(value.toPrecision(4)) : value)}</span></div>`,
    )}
    ${entries.length > SHOWN && html`<p class="quiet">The first ${SHOWN} of ${number(entries.length)}.</p>`}
  </div>`;
}

const stretch = (share, from, to, background) => ({
  left: share(from),
  width: `calc(${share(to)} - ${share(from)})`,
  background,
});

/** From the least to the greatest a line, the middle half a box, the median a mark in it. */
function Box({ values, share, colour }) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => quantile(values, part));
  const [least, most] = [values[0], values.at(-1)].map(number);
  const said = `min ${least}, middle half ${number(low)} to ${number(high)}, median ${number(middle)}, max ${most}`;
  return html`<span class="box" role="img" aria-label=${said} title=${said}>
    <i class="whisker" style=${stretch(share, values[0], values.at(-1), colour)}></i>
    <i class="half" style=${stretch(share, low, high, colour)}></i>
    <i class="median" style=${{ left: share(middle) }}></i></span>`;
}
