/** What a chart says of the place under the pointer: all curves there, the greatest value first. */
import { html } from "../lib/ui.js";
import { number } from "../lib/format.js";

/** @param {{tip: object, where: string, left: number, top: number, width: number}} props `where`: the x, in words */
export function Tip({ tip: { shown, above, below, nearest, top: pointed }, where, left, top, width }) {
  const flip = left > width / 2;
  const place = {
    top: `${Math.max(top - 30, 0)}px`,
    [flip ? "right" : "left"]: `${(flip ? width - left : left) + 14}px`,
  };
  return html`<div class="tip" style=${place} role=${pointed === undefined ? "status" : undefined}>
    <div class="quiet">at ${where}</div>
    ${above > 0 && html`<div class="quiet">${number(above)} above</div>`}
    <table>${shown.map(
      // Without keys: rows are written over, not made anew, with each move.
      ({ curve, at, value }) => html`<tr class=${curve === nearest.curve ? "nearest" : ""}>
      <td><${Swatch} ...${curve} /></td><td class="label">${curve.label}</td><td class="num">${number(value)}${
        curve.band ? html` <span class="quiet">${reachOf(curve.band, at)}</span>` : ""
      }</td></tr>`,
    )}</table>
    ${below > 0 && html`<div class="quiet">${number(below)} below</div>`}
  </div>`;
}

const reachOf = ({ low, high, about }, at) => `${about ? "≈ " : ""}${number(low[at])} to ${number(high[at])}`;

/** A short piece of a curve as it is drawn. */
export const Swatch = ({ colour, dash }) => html`
  <svg class="swatch" width="18" height="6" viewBox="0 0 18 6" aria-hidden="true"><line x1="0" y1="3" x2="18" y2="3"
    stroke=${colour} stroke-width="3"
      stroke-dasharray=${dash?.length ? dash.map((part) => part * 0.8).join(" ") : undefined} /></svg>`;
