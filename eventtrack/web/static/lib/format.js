/** Numbers, times and sizes as people read them. */

/** A number with about six digits, as short as it gets. Texts ("NaN") stay. */
export function number(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  const whole = Number.isInteger(value) && size < 1e15;
  if (!whole && size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3).replace("e+", "e");
  const shown = whole ? value : Number(value.toPrecision(6));
  return Number.isInteger(shown) ? shown.toLocaleString("en").replaceAll(",", "\u202f") : String(shown);
}

/** The order of texts for people: "step 2" before "step 10". */
export const naturally = new Intl.Collator("en", { numeric: true }).compare;

export const count = (many, word, plural = `${word}s`) => `${number(many)} ${many === 1 ? word : plural}`;

const STEPS = [
  [60, "s"],
  [60, "min"],
  [24, "h"],
  [30, "d"],
  [12, "mo"],
  [Infinity, "y"],
];

/** `3 min ago`; what lies ahead (another machine's clock) is told as such. */
export function ago(ms, now = Date.now()) {
  if (!ms) return "";
  let value = Math.abs(now - ms) / 1000;
  if (value < 5) return "just now";
  for (const [size, unit] of STEPS) {
    if (value < size) return ms > now ? `in ${Math.floor(value)} ${unit}` : `${Math.floor(value)} ${unit} ago`;
    value /= size;
  }
  return "";
}

const clock = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
// Further from 1970 no `Date` goes, and one that is asked to throws. A client may send any number.
const TIME_MAX_MS = 8.64e15;

export function moment(ms) {
  if (!ms) return "";
  return Math.abs(ms) <= TIME_MAX_MS ? clock.format(new Date(ms)) : `${ms} ms`;
}

/** What the log says of a fact; times, which it counts in milliseconds, as times. */
export const said = (fact, text) => (/_time$/.test(fact) && Number(text) ? moment(Number(text)) : text);

export function duration(ms) {
  if (ms === null || ms === undefined || ms < 0) return "";
  if (ms < 1000) return `${ms} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function bytes(size) {
  if (size === null || size === undefined) return "";
  let value = Number(size);
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000) return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}
