/** What a run has under a name such as `metrics.loss`, `params.lr`, `tags.team` or `attributes.status`. */
import { signal } from "@preact/signals";
import { duration, moment, number } from "./format.js";

/** The names of experiments by their ids, as far as the page knows them. */
export const experimentNames = signal(new Map());

export const ATTRIBUTES = {
  status: { label: "Status", of: (row) => row.status },
  start_time: { label: "Started", of: (row) => row.start_time, show: moment },
  duration: {
    label: "Duration",
    of: (row) => (row.end_time ? row.end_time - row.start_time : undefined),
    show: duration,
  },
  user_id: { label: "User", of: (row) => row.user_id },
  experiment: {
    label: "Experiment",
    of: (row) => experimentNames.value.get(row.experiment_id) ?? row.experiment_id,
  },
};

/** A column that the filter language does not know, so that nothing is sorted by it. */
export const EXPERIMENT = "attributes.experiment";

/** Kind and key: keys may have dots of their own. */
export function partsOf(name) {
  const at = name.indexOf(".");
  return [name.slice(0, at), name.slice(at + 1)];
}

/** The name as it is read, without its kind. */
export function labelOf(name) {
  const [kind, key] = partsOf(name);
  return kind === "attributes" ? ATTRIBUTES[key]?.label || key : key;
}

/** Labels of names that stand beside each other: a param and a metric that share a key have their kinds. */
export function labelsOf(names) {
  const labels = names.map(labelOf);
  return (name) => (labels.indexOf(labelOf(name)) === labels.lastIndexOf(labelOf(name)) ? labelOf(name) : name);
}

export function valueOf(row, name) {
  const [kind, key] = partsOf(name);
  const value = kind === "attributes" ? ATTRIBUTES[key]?.of(row) : row.cells[name];
  return value ?? undefined;
}

export function shownValue(name, value) {
  const [kind, key] = partsOf(name);
  return (kind === "attributes" && ATTRIBUTES[key]?.show?.(value)) || number(value);
}

/** Which names the server has to be asked for: attributes come with every row. */
export const askedOf = (names) => names.filter((name) => name && !name.startsWith("attributes."));

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A param's text as the number that it stands for; undefined for all else, NaN and infinities too. */
export function numeric(value) {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || !NUMBER.test(value.trim())) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** A name in the filter language; a key between backquotes may hold anything, its own doubled. */
export function written(name) {
  const [kind, key] = partsOf(name);
  return /^[\w./:-]+$/.test(key) ? `${kind}.${key}` : `${kind}.\`${key.replaceAll("`", "``")}\``;
}

/** Lists in the address line have a line each; one line break alone says: empty on purpose. */
export const linesOf = (text) => (text || "").split("\n").filter(Boolean);
export const lined = (list) => list.join("\n") || "\n";
