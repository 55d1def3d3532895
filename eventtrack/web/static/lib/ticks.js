/** Marks along an axis: round numbers, and texts that tell each from the next. */
import { decades, steps } from "./axes.js";
import { number } from "./format.js";

// Longer texts are written as what is added to the first of them.
const LETTERS_MAX = 9;
const DIGITS_MAX = 15;

/**
 * @param {number} low
 * @param {number} high
 * @param {{log?: boolean, many?: number, write?: (value: number) => string}} how `many` marks at most, about
 * @returns {{place: number, text: string}[]} `place` is 0 at `low` and 1 at `high`
 */
export function ticksOf(low, high, { log = false, many = 5, write } = {}) {
  if (!(high > low)) return [];
  if (log) {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const marks = decades(from, to, many);
    const texts = texted(marks.map((power) => Number((10 ** power).toPrecision(3))));
    return marks.map((power, at) => ({ place: (power - from) / (to - from), text: texts[at] }));
  }
  const marks = steps(low, high, many).filter((value) => value >= low && value <= high);
  const texts = write ? marks.map(write) : texted(marks);
  return marks.map((value, at) => ({ place: (value - low) / (high - low), text: texts[at] }));
}

/** Numbers as they are written everywhere; with more digits where two would read the same. */
export function texted(values) {
  const plain = values.map((value) => number(Number(value.toPrecision(12))));
  if (new Set(plain).size === plain.length && plain.every((text) => text.length <= LETTERS_MAX)) return plain;
  const [first] = values;
  const width = Math.max(...values.map((value) => Math.abs(value - first)));
  const rest = values.slice(1).map((value) => value - first);
  // What is far from zero and close together: the first mark, and how far the others are above it.
  if (width < Math.abs(first) / 1e4) return [number(first), ...rest.map((over) => `+${number(rounded(over, width))}`)];
  for (let digits = 2; digits <= DIGITS_MAX; digits++) {
    const texts = values.map((value) => value.toExponential(digits - 1).replace("e+", "e"));
    if (new Set(texts).size === texts.length) return texts;
  }
  return plain;
}

/** Without the digits that only come from the subtraction. */
const rounded = (value, width) => Number((Math.round((value / width) * 1000) / 1000) * width).toPrecision(3) * 1;

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];
const SPANS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 30].map((many) => many * SECOND),
  ...[1, 2, 5, 10, 30].map((many) => many * MINUTE),
  ...[1, 2, 3, 6, 12].map((many) => many * HOUR),
  ...[1, 2, 7, 14, 30, 91, 182, 365, 730, 1825, 3650].map((many) => many * DAY),
];

const two = (value) => String(value).padStart(2, "0");
const dayOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/**
 * Marks along an axis of times, at whole hours and days of this place.
 * @param {number} low in milliseconds since 1970
 * @returns {{place: number, text: string, under?: string}[]} `under` has the day where it begins
 */
export function timeTicksOf(low, high, many) {
  const span =
    SPANS.find((length) => (high - low) / length <= many) ||
    SPANS.at(-1) * Math.ceil((high - low) / SPANS.at(-1) / many);
  const marks = [];
  let before = "";
  // Aligned by the clock on the wall: by the zone's distance to UTC at the first mark.
  const zone = new Date(low).getTimezoneOffset() * MINUTE;
  for (let at = Math.ceil((low - zone) / span) * span + zone; at <= high && marks.length < 2 * many; at += span) {
    const date = new Date(at);
    const day = dayOf(date);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
    const place = (at - low) / (high - low);
    if (span >= DAY)
      marks.push({ place, text: day.slice(5), under: before.slice(0, 4) === day.slice(0, 4) ? "" : day.slice(0, 4) });
    else {
      const exact = span < MINUTE ? `:${two(date.getSeconds())}` : "";
      const parts = span < SECOND ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : "";
      marks.push({ place, text: clock + exact + parts, under: before === day ? "" : day });
    }
    before = day;
  }
  return marks;
}
