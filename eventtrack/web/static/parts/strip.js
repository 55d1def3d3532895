/** How much happened when, drawn small: a bar for each stretch of the log or of time. */
import { html } from "../lib/ui.js";
import { get } from "../lib/api.js";

/** How many events each stretch of the whole log holds, and the state of the store: of now, whatever is shown. */
export const density = (by, buckets, options) =>
  Promise.all([get("density", { by, buckets, at: "" }, options), get("about", { at: "" }, options)]);

/** Bars of one path, from stretch `first` to before `stop`; a lone event is seen beside thousands. */
function bars(counts, first, stop) {
  const most = Math.sqrt(Math.max(...counts, 1));
  const bars = [];
  for (let i = first; i < stop; i++) {
    if (counts[i]) bars.push(`M${i} 100V${(100 - 8 - (92 * Math.sqrt(counts[i])) / most).toFixed(1)}h1V100z`);
  }
  return bars.join("");
}

/**
 * @param {{strip: {low: number, width: number, counts: number[]}, from: number, to: number}} props
 *   bars from `from` to `to` stand out
 */
export function Strip({ strip, from, to }) {
  const { counts, low, width } = strip;
  const place = (value) => Math.min(Math.max(Math.ceil((value - low) / width), 0), counts.length);
  const [first, stop] = [place(from), place(to)];
  return html`
    <svg class="bars" viewBox=${`0 0 ${Math.max(counts.length, 1)} 100`} preserveAspectRatio="none" aria-hidden="true">
      <path class="off" d=${bars(counts, 0, first) + bars(counts, stop, counts.length)} />
        <path d=${bars(counts, first, stop)} />
    </svg>
  `;
}

/** Where the strip begins and ends: before the first event, and with the last. */
export const ends = (strip, by, head) =>
  by === "position" ? [0, head] : [strip.low - 1, Math.max(...strip.latest_ms.filter(Boolean), strip.low)];
