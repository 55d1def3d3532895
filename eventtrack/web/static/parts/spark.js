/** Small pictures in a table: bars that say how much happened when, and the course of a metric. */
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

const [COURSE, HIGH] = [80, 20];

/** A curve without axes, for those who see it beside its values. */
export function Course({ x, y }) {
  const finite = [...y.keys()].filter((at) => Number.isFinite(y[at]));
  const values = finite.map((at) => y[at]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [x[0], x.at(-1)];
  // Halves: the difference of two huge values is infinite. Half of the least value is 0.
  const spread = most / 2 - least / 2;
  const points = finite.map((at) => {
    const across = last > first ? (x[at] - first) / (last - first) : 0.5;
    const up = spread > 0 ? (y[at] / 2 - least / 2) / spread : 0.5;
    return `${(1 + across * (COURSE - 2)).toFixed(1)},${(HIGH - 2 - up * (HIGH - 4)).toFixed(1)}`;
  });
  return html`<svg class="spark" viewBox=${`0 0 ${COURSE} ${HIGH}`} width=${COURSE} height=${HIGH} aria-hidden="true">
    <polyline points=${points.join(" ")} /></svg>`;
}
