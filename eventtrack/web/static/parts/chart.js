/** One chart: a card with its title, its menu, and curves or bars. What it asks for stops when it goes out of sight. */
import { html, signal, useMemo, useRef } from "../lib/ui.js";
import { useCurves } from "../lib/curves.js";
import { pointsOf, useDrawn } from "../lib/drawn.js";
import { savePng } from "../lib/download.js";
import { forksOf } from "../lib/forked.js";
import { count, number } from "../lib/format.js";
import { useBands } from "../lib/groups.js";
import { route, setQuery } from "../lib/route.js";
import { isSummary } from "../lib/workspace.js";
import { Bars } from "./bars.js";
import { ChartMenu } from "./chartmenu.js";
import { Plot } from "./plot.js";
import { Failed } from "./states.js";
import { Swatch } from "./tip.js";

// As many buckets as a chart has pixels: more could not be seen. Of hundreds of curves less; on a
// logarithmic axis the first of them are as wide as half of the chart.
const BUCKETS = { few: 400, many: 150, logarithmic: 4000, whole: 1, grouped: 400, groupedLogarithmic: 2000 };
const MANY = 100;
const FEW = 20;

// As many curves have names in the legend of a full screen: about two rows.
const NAMED = 10;
const ABOUT = "Quartiles of more than a thousand runs are approximate. Means, deviations, min and max are exact.";

/** Stretches of y that were zoomed to, by chart: they are of one chart, and not worth an address. */
const spans = signal(new Map());

export const isZoomed = () => Boolean(route.value.query.zoom) || spans.value.size > 0;

export function resetZoom() {
  if (spans.value.size) spans.value = new Map();
  setQuery({ zoom: "" }, { push: true });
}

/** What holds for all charts that do not say otherwise. */
export function manner() {
  const {
    x = "step",
    log = "",
    logx = "",
    smooth = "0",
    kind = "",
    tight = "",
    zoom = "",
    spread = "",
  } = route.value.query;
  const [low, high] = zoom.split(",").map(Number);
  const range = zoom && Number.isFinite(low) && high > low ? { low, high } : {};
  return {
    x,
    log: log === "1",
    logX: logx === "1",
    weight: Number(smooth) || 0,
    kind,
    tight: tight === "1",
    range,
    spread,
  };
}

/**
 * @param {{card: import("../lib/workspace.js").Card, runs: object[], groups: object[] | null, height: number}} props
 * @returns the curves of a card, how they are drawn, and a function that draws them
 */
function useCard({ card, runs, groups }) {
  const how = manner();
  const x = card.x || how.x;
  const [log, logX] = [card.log || how.log, card.logX || how.logX].map((value) => value === true || value === "1");
  const range = x === how.x ? how.range : {};
  const asBars = card.bars && card.bars !== "no";
  const bands = useBands(asBars ? null : groups, {
    keys: card.keys,
    x,
    buckets: logX ? BUCKETS.groupedLogarithmic : BUCKETS.grouped,
    ...range,
    quantiles: how.spread === "quartiles",
  });
  // Of all points, not of those that a zoom leaves: a curve of many never turns into a bar.
  const isPoint = (curves, isSingle) =>
    curves.length > 0 && curves.every(isSingle) && (curves.length > 1 || isSummary(card.keys[0])) && card.bars !== "no";
  // A group of single values is a box of them, for which each of its runs is asked for.
  const isBoxed =
    Boolean(groups) && !asBars && bands.done && isPoint([...bands.bands.values()], (band) => band.points === band.runs);
  const lines = useLines({
    card,
    runs,
    how,
    x,
    logX,
    range,
    whole: asBars || isBoxed,
    seen: !groups || asBars || isBoxed,
  });
  const asked = groups && !asBars && !isBoxed ? bands : lines;
  const drawn = useDrawn(lines.curves, asked === bands ? bands : null, card.keys, runs, groups, { ...how, x: asked.x });
  const single = isBoxed || (!groups && isPoint(drawn, (curve) => pointsOf([curve]) === 1));
  return {
    asked,
    curves: drawn,
    x,
    log,
    logX,
    tight: how.tight,
    range,
    bars: asBars ? card.bars : single && asked.done ? "last" : "",
  };
}

/** The curves of runs one by one; `whole`: only what bars need of them. */
function useLines({ card, runs, how, x, logX, range, whole, seen }) {
  const many = runs.length * card.keys.length;
  const fine = logX && many <= FEW ? BUCKETS.logarithmic : BUCKETS.few;
  const buckets = whole ? BUCKETS.whole : many > MANY ? BUCKETS.many : fine;
  const ids = seen ? runs.map((run) => run.run_id).join() : "";
  const runIds = useMemo(() => ids.split(","), [ids]);
  const { weight: smooth, kind } = how;
  const lines = { x, ...range, forks: forksOf(seen ? runs : []), ...(smooth && { smooth, kind }) };
  return useCurves(
    { run_ids: runIds, keys: card.keys, buckets, ...(whole ? { x: "step" } : lines) },
    seen && runs.length > 0 && card.keys.length > 0,
  );
}

/** The inside of a chart, as high as it is told to be. */
function Body({ card, drawn, height }) {
  const { asked, curves, x, log, logX, tight, range, bars } = drawn;
  const label = `${card.title} of ${curves
    .slice(0, 8)
    .map(({ label: name, forkedAt: at }) => (at === undefined ? name : `${name} (forked at step ${number(at)})`))
    .join(", ")}`;
  const known = asked.x !== "";
  const frame = html`<div class="plot" style=${{ height: `${height}px` }}>
    ${!card.keys.length && html`<p class="nothing">No metric is chosen: the menu of this chart has them.</p>`}</div>`;
  // A formula that cannot be read is told of, whatever was drawn before.
  if (asked.error && (!known || asked.error.status === 400))
    return html`<${Failed} error=${asked.error} retry=${asked.reload} />`;
  if (!known || !card.keys.length) return frame;
  if (bars) return html`<${Bars} curves=${curves} which=${bars} height=${height} label=${label} />`;
  const shown = asked.x === x ? { low: range.low ?? asked.low, high: range.high ?? asked.high } : asked;
  const zoom = (to) => {
    if (to === null) return resetZoom();
    if (to.y) spans.value = new Map(spans.value).set(card.id, to.y);
    if (to.x) setQuery({ zoom: to.x.map((bound) => Number(bound.toPrecision(12))).join(",") }, { push: true });
  };
  return html`<${Plot} curves=${curves} done=${asked.done} x=${asked.x} log=${log} logX=${logX} tight=${tight}
    low=${shown.low} high=${shown.high} span=${spans.value.get(card.id) || null} height=${height} label=${label}
    onZoom=${zoom} />`;
}

/**
 * @param {object} props
 * @param {import("../lib/workspace.js").Card} props.card
 * @param {object} props.place its style on the wall
 * @param {(() => void) | undefined} props.fresh its menu is open from the start, and tells it
 * @param {{to: (way: number) => void, onto: (id: string) => void}} props.move by the keyboard, and by dragging
 */
export function Chart({ card, runs, groups, keys, place, height, fresh, move, change, remove }) {
  const box = useRef();
  const drawn = useCard({ card, runs, groups });
  const { asked, curves } = drawn;
  const points = pointsOf(curves);
  const drop = (event) => {
    event.preventDefault();
    const id = event.dataTransfer.getData(DRAGGED);
    if (id && id !== card.id) move.onto(id);
  };
  return html`<section class="chart" ref=${box} aria-label=${card.title} style=${place} onDrop=${drop}
    onDragOver=${(event) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault()}>
    <h3 draggable="true" onDragStart=${(event) => event.dataTransfer.setData(DRAGGED, card.id)}>
      <span title=${card.keys.join(", ")}>${card.title}</span><${Phases} card=${card} curves=${curves} /><small>
        ${curves.some(({ band }) => band?.about) && html`<span title=${ABOUT}>≈ quartiles</span> `}<span class="points">
      ${asked.x !== "" && isRoomy(card, place) ? count(points, "point") : ""}</span>
      <button class="plain" aria-label=${`Show ${card.title} full screen`} title="Full screen"
        onClick=${() => setQuery({ full: card.id }, { push: true })}><${Corners} /></button>
      <${ChartMenu} card=${card} keys=${keys} fresh=${fresh} move=${move} change=${change} remove=${remove}
        curves=${curves}
        onPng=${() => savePng(box.current.querySelector(".plot, .barlist"), card.title, curves)} /></small></h3>
    <${Body} card=${card} drawn=${drawn} height=${height} />
  </section>`;
}

// In CSS pixels: a letter of a title, and what else stands beside it.
const HEAD = { letter: 7.5, rest: 160 };

/** Whether the number of points has room beside the whole title. */
const isRoomy = (card, place) => Number.parseFloat(place.width) > card.title.length * HEAD.letter + HEAD.rest;

const Corners = () => html`<svg width="11" height="11" viewBox="0 0 11 11" aria-hidden="true"><path
  d="M1 4V1h3M7 1h3v3M10 7v3H7M4 10H1V7" fill="none" stroke="currentColor" /></svg>`;

/** Which metric has which kind of line, where there are several. */
function Phases({ card, curves }) {
  if (card.keys.length < 2) return null;
  const single = curves.every((curve) => curve.runId === curves[0].runId);
  const firsts = card.keys.map((key) => curves.find((curve) => curve.key === key)).filter(Boolean);
  return html`<small class="phases">${firsts.map(
    ({
      key,
      dash,
      colour,
    }) => html`<span key=${key}><${Swatch} dash=${dash} colour=${single ? colour : "currentColor"} />
    ${key}</span>`,
  )}</small>`;
}

const DRAGGED = "application/x-eventtrack-chart";

/** The same chart over the whole screen, with a legend. */
export function FullChart({ card, runs, groups, height }) {
  const drawn = useCard({ card, runs, groups });
  const { curves } = drawn;
  return html`<p class="legend">${curves
    .slice(0, NAMED)
    .map(
      (curve) => html`<span key=${curve.label}><${Swatch} ...${curve} /><bdi>${curve.label}</bdi></span>`,
    )}${curves.length > NAMED && html`<span>and ${number(curves.length - NAMED)} more</span>`}</p>
    <${Body} card=${card} drawn=${drawn} height=${height} />`;
}
