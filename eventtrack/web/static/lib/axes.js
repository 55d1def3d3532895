/** Axes over runs: numbers on a linear or a logarithmic one, texts as categories. */
import { labelOf, numeric, shownValue, valueOf } from "./fields.js";
import { naturally } from "./format.js";

export const SCALES = ["linear", "log", "category"];
// Categories beyond these would be a blur; what is left over shares the last place.
const CATEGORIES_MAX = 50;
const WIDE = 500;

/**
 * @typedef {object} Axis
 * @property {string} name
 * @property {string} label
 * @property {"linear"|"log"|"category"} scale as it is drawn: what was asked for, if the values allow it
 * @property {string[]} scales those that the values allow
 * @property {Float64Array} places of each row, 0 to 1; NaN where it has no value here
 * @property {{place: number, text: string}[]} ticks
 * @property {(place: number) => any} at the value at a place: a number, or a category
 * @property {(value: any) => number} placeOf
 */

/** @returns {Axis} */
export function axisOf(rows, name, wanted) {
  const values = rows.map((row) => valueOf(row, name));
  const numbers = values.map(numeric);
  const present = numbers.filter((number) => number !== undefined);
  const texts = values.some((value, at) => value !== undefined && numbers[at] === undefined && !isGap(value));
  const positive = present.length > 0 && present.every((number) => number > 0);
  const scales = present.length && !texts ? ["linear", ...(positive ? ["log"] : []), "category"] : ["category"];
  const scale = scales.includes(wanted) ? wanted : positive && isWide(present) ? "log" : scales[0];
  const axis = scale === "category" ? categories(values) : span(present, numbers, scale, name);
  return { name, label: labelOf(name), scale, scales, ...axis };
}

/** Whether all but the greatest would share one place on a linear axis: learning rates, say. */
function isWide(present) {
  let [least, most] = [Infinity, 0];
  for (const number of present) [least, most] = [Math.min(least, number), Math.max(most, number)];
  return most / least >= WIDE && most < 1e11; // not moments
}

/** Metrics that are not numbers: they have no place on a scale, and make no category either. */
const isGap = (value) => value === "NaN" || value === "Infinity" || value === "-Infinity";

function categories(values) {
  const texts = [...new Set(values.filter((value) => value !== undefined).map(String))].sort(naturally);
  const kept = texts.slice(0, CATEGORIES_MAX);
  const order = new Map(texts.map((value, at) => [value, Math.min(at, CATEGORIES_MAX - 1)]));
  const placeOf = (value) => (order.has(String(value)) ? (order.get(String(value)) + 0.5) / kept.length : NaN);
  return {
    places: Float64Array.from(values, (value) => (value === undefined ? NaN : placeOf(value))),
    ticks: kept.map((text, at) => ({
      place: (at + 0.5) / kept.length,
      text: at === CATEGORIES_MAX - 1 && texts.length > CATEGORIES_MAX ? "others" : text,
    })),
    at: (place) => kept[Math.max(0, Math.min(Math.floor(place * kept.length), kept.length - 1))],
    placeOf,
  };
}

function span(present, numbers, scale, name) {
  const [to, from] = scale === "log" ? [Math.log10, (value) => 10 ** value] : [(value) => value, (value) => value];
  let [low, high] = [Infinity, -Infinity];
  for (const number of present) {
    low = Math.min(low, to(number));
    high = Math.max(high, to(number));
  }
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const placeOf = (value) => (numeric(value) === undefined ? NaN : (to(numeric(value)) - low) / (high - low));
  return {
    places: Float64Array.from(numbers, (value) => (value === undefined ? NaN : placeOf(value))),
    ticks: (scale === "log" ? decades(low, high) : steps(low, high)).map((value) => ({
      place: (value - low) / (high - low),
      text: shownValue(name, scale === "log" ? Number((10 ** value).toPrecision(6)) : Number(value.toPrecision(12))),
    })),
    at: (place) => from(low + place * (high - low)),
    placeOf,
  };
}

/** Round numbers, about five of them. */
export function steps(low, high, many = 5) {
  const rough = (high - low) / many;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((value) => value * power >= rough) * power;
  if (!(step > 0)) return [low];
  const marks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6 && marks.length < 20; value += step)
    marks.push(value);
  return marks;
}

/** Powers of ten, or between them where there are hardly any. Takes and gives logarithms. */
export function decades(low, high, many = 7) {
  const whole = [];
  const stride = Math.max(1, Math.ceil((high - low) / many));
  for (let power = Math.ceil(low); power <= high; power += stride) whole.push(power);
  if (whole.length >= 3) return whole;
  const marks = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of [1, 2, 5]) marks.push(power + Math.log10(digit));
  }
  const inside = marks.filter((value) => value >= low && value <= high);
  return inside.length >= 2 ? inside : [low, high];
}
