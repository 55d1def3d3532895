/** All charts one below the other, of which only those near the screen exist: there may be thousands. */
import { html, useLayoutEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { number } from "../lib/format.js";
import { setQuery } from "../lib/route.js";
import { SECTION_NAMES, SIZES } from "../lib/workspace.js";
import { Chart } from "./chart.js";

// In CSS pixels: a chart is as wide as its column, which is at least `width` and at most `most` wide.
const CHART = { width: 246, most: 660, height: 200, gap: 10 };
const PLOT = CHART.height - 36;
const HEADING = 34;
// How far beyond the screen charts are there already.
const SPARE = 300;

/**
 * @param {object} props
 * @param {{name: string, cards: import("../lib/workspace.js").Card[]}[]} props.sections
 * @param {Set<string>} props.shut names of sections that are collapsed
 * @param {{change: Function, remove: Function, put: Function}} props.acts what can be done with a chart
 * @param {string} props.fresh the chart that was added just now: its menu is open
 */
export function Wall({ runs, groups, keys, sections, shut, acts, fresh }) {
  const box = useRef();
  const [sight, setSight] = useState({ width: 0, top: 0, height: innerHeight });
  useLayoutEffect(() => {
    const look = () => {
      if (!box.current) return; // the page was left meanwhile
      const { top, width } = box.current.getBoundingClientRect();
      // In steps, so that most scrolling changes nothing.
      const rounded = Math.floor(-top / SPARE) * SPARE;
      setSight((old) =>
        old.width === width && old.top === rounded && old.height === innerHeight
          ? old
          : { width, top: rounded, height: innerHeight },
      );
    };
    look();
    const sized = new ResizeObserver(look);
    sized.observe(box.current);
    // Also of whatever the charts are scrolled in.
    addEventListener("scroll", look, { passive: true, capture: true });
    addEventListener("resize", look);
    return () => {
      sized.disconnect();
      removeEventListener("scroll", look, { capture: true });
      removeEventListener("resize", look);
    };
  }, []);
  const { width } = sight;
  const { places, height } = useMemo(() => placed(sections, shut, width), [sections, [...shut].join("\n"), width]);
  const near = sight.width
    ? places.filter(
        ({ top, height, card }) =>
          (top + height > sight.top - SPARE && top < sight.top + sight.height + 2 * SPARE) || card?.id === fresh,
      )
    : [];
  return html`<div class="charts" ref=${box} style=${{ height: `${height}px` }}>
    ${near.map(({ top, height, section, card, left, width }) =>
      card === undefined
        ? html`<${Heading} key=${`/${section.name}`} section=${section} top=${top} shut=${shut} />`
        : html`<${Chart} key=${card.id} card=${card} runs=${runs} groups=${groups} keys=${keys}
          fresh=${card.id === fresh ? acts.opened : undefined}
          height=${height - CHART.height + PLOT}
          place=${inPixels({ top, left, width, height })}
          change=${(change) => acts.change(card, change)} remove=${() => acts.remove(card)}
          move=${{
            to: (way) => acts.put(section, card.id, section.cards.indexOf(card) + way),
            onto: (id) => acts.put(section, id, section.cards.indexOf(card)),
          }} />`,
    )}
  </div>`;
}

const inPixels = (place) => Object.fromEntries(Object.entries(place).map(([name, size]) => [name, `${size}px`]));

/** The number of columns of a section: its charts fill rows of about the same length. */
function columnsOf(cards, width) {
  const fit = (size) => Math.max(Math.floor((width + CHART.gap) / (size + CHART.gap)), 1);
  const columns = cards.reduce((sum, card) => sum + SIZES[card.size][0], 0);
  const rows = Math.ceil(columns / fit(CHART.width));
  return Math.max(Math.ceil(columns / rows), Math.min(fit(CHART.most) + 1, fit(CHART.width)));
}

/** Where everything is: headings with their `section`, charts with their `card`. */
function placed(sections, shut, width) {
  const places = [];
  let top = 0;
  for (const section of sections) {
    if (sections.length > 1) {
      places.push({ top, height: HEADING, section });
      top += HEADING;
      if (shut.has(section.name)) continue;
    }
    let [left, high] = [0, 0];
    const across = columnsOf(section.cards, width);
    const column = Math.floor((width + CHART.gap) / across);
    for (const card of section.cards) {
      const [columns, rows] = SIZES[card.size];
      const wide = Math.min(columns, across);
      const height = rows * (CHART.height + CHART.gap) - CHART.gap;
      if (left + wide > across) {
        top += high + CHART.gap;
        [left, high] = [0, 0];
      }
      places.push({ top, height, section, card, left: left * column, width: wide * column - CHART.gap });
      left += wide;
      high = Math.max(high, height);
    }
    top += high + CHART.gap;
  }
  return { places, height: top };
}

function Heading({ section, top, shut }) {
  const open = !shut.has(section.name);
  const turn = () => {
    const others = [...shut].filter((name) => name !== section.name);
    setQuery({ shut: (open ? [...others, section.name] : others).join("\n") });
  };
  return html`<h2 class="group" style=${{ top: `${top}px` }}>
    <button class="plain" aria-expanded=${open} onClick=${turn}>
      ${open ? "▾" : "▸"} ${SECTION_NAMES[section.name] || section.name} <span class="quiet">
      ${number(section.cards.length)}</span></button></h2>`;
}
