/** A row of small bars: how much happened when, at a glance. */
import { html } from "../lib/ui.js";

const [WIDTH, HEIGHT, GAP] = [120, 22, 1];

/** @param {{counts: number[], title: string}} props `title` says it in words */
export function Spark({ counts, title }) {
  const most = Math.max(...counts, 1);
  const step = WIDTH / Math.max(counts.length, 1);
  return html`<svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} role="img"
    aria-label=${title}>
    <title>${title}</title>
    <line x1="0" x2=${WIDTH} y1=${HEIGHT - 0.5} y2=${HEIGHT - 0.5} />
    ${counts.map((many, at) => {
      // A single run has to be seen beside a thousand.
      const height = many ? Math.max(2, (many / most) * (HEIGHT - 2)) : 0;
      return (
        many > 0 &&
        html`<rect key=${at} x=${at * step} y=${HEIGHT - 1 - height} width=${Math.max(step - GAP, 1)} height=${height}
          />`
      );
    })}
  </svg>`;
}
