/**
 * The charts of a page: which there are by themselves, and what a person changed about them.
 *
 * Metrics that measure the same of training and validation share a chart, by default. Changes stand
 * in the address as JSON, under `charts`: `{"set": {ID: {...}}, "order": {SECTION: [IDs]}}`.
 */
const PHASES = "train|training|val|valid|validation|test|eval|dev|holdout";
const FIRST = new RegExp(`^(?:${PHASES})[/_.-](.+)$`, "i");
const LAST = new RegExp(`^(.+)[/_.-](?:${PHASES})$`, "i");
const VALIDATION = /(^|[/_.-])(val|valid|validation|eval|dev)([/_.-]|$)/i;

// Sections that no metric can be called like.
export const PLAIN = "/";
export const PINNED = "/pinned";
export const ADDED = "/added";
export const SECTION_NAMES = { [PLAIN]: "metrics", [PINNED]: "pinned", [ADDED]: "added" };

export const SIZES = { S: [1, 1], M: [2, 1], L: [2, 2] };
export const BARS = ["last", "min", "max"];
// An address that was made by somebody else holds no more than this.
const BOUNDS = { charts: 500, keys: 50, letters: 250 };

/** What measures the same in training and in validation: `loss` for `train/loss`, `val_loss` and `loss`. */
export const subjectOf = (key) => FIRST.exec(key)?.[1] || LAST.exec(key)?.[1] || key;

const SUMMARY = 6;

/** First what a training is about, last what only counts: the smaller, the further in front. */
const RANKS = [
  [/^system\//i, 9],
  [/(^|[/_.-])(epoch|step|steps|global_step|iter|iteration|iterations|tokens?|samples|examples|batch)s?(_seen)?$/i, 8],
  [/^(best|final|max|min)[/_.-]/i, SUMMARY],
  [/(time|duration|seconds|per_sec(ond)?|throughput|memory|mem)$/i, 7],
  [/loss$/i, 0],
  [/(acc|accuracy|auc|f1|score|reward|bleu|rouge\w*|iou|map|precision|recall|top\d)$/i, 1],
  [/(err|error|mae|mse|rmse|ppl|perplexity|wer|cer|fid|r2)$/i, 2],
  [/(lr|learning_rate|grad_norm|weight_decay|momentum)(-?\d+)?$/i, 5],
];
export const rankOf = (key) => (RANKS.find(([pattern]) => pattern.test(key)) || [null, 4])[1];

/** Whether a metric sums up a run in one value, as `best_val_loss`. */
export const isSummary = (key) => rankOf(key) === SUMMARY;

/** Metrics in the order in which a table shows them: losses and validation first, counters last. */
export const byRank = (keys) =>
  [...keys].sort((a, b) => rankOf(a) - rankOf(b) || VALIDATION.test(b) - VALIDATION.test(a) || (a < b ? -1 : 1));

/**
 * @typedef {object} Card one chart
 * @property {string} id
 * @property {string} title
 * @property {string[]} keys
 * @property {"" | "last" | "min" | "max"} bars curves if empty
 * @property {string} x "" for the axis of all
 * @property {"" | "0" | "1"} log "" for that of all; `logX` likewise
 * @property {"S" | "M" | "L"} size
 * @property {boolean} own whether a person added it
 */

/** @returns {Card[]} the charts that there are by themselves, of no section yet */
function usual(keys) {
  const subjects = new Map();
  for (const key of keys) {
    const subject = subjectOf(key);
    if (!subjects.has(subject)) subjects.set(subject, []);
    subjects.get(subject).push(key);
  }
  return [...subjects].map(([subject, keys]) => {
    const inOrder = byRank(keys);
    const title = inOrder.length === 1 ? inOrder[0] : subject;
    const section = subject.includes("/") ? subject.slice(0, subject.indexOf("/")) : PLAIN;
    return { id: subject, title, keys: inOrder, section, rank: rankOf(subject) };
  });
}

/** What stands in the address, as far as it makes sense. */
export function readChanges(text) {
  let read = {};
  try {
    read = JSON.parse(text || "{}") || {};
  } catch {
    // Cut off, or typed by hand: as if nothing was changed.
  }
  const entries = (value) => (value && typeof value === "object" ? Object.entries(value).slice(0, BOUNDS.charts) : []);
  const set = entries(read.set).filter(([, change]) => change && typeof change === "object");
  const order = entries(read.order).filter(([, ids]) => Array.isArray(ids));
  return {
    set: Object.fromEntries(set.map(([id, change]) => [id, checked(change)])),
    order: Object.fromEntries(order.map(([name, ids]) => [name, ids.map(String).slice(0, BOUNDS.charts)])),
  };
}

function checked({ title, keys, bars, x, log, logX, size, hidden, pinned }) {
  const change = {};
  if (typeof title === "string" && title.trim()) change.title = title.slice(0, BOUNDS.letters);
  if (Array.isArray(keys)) change.keys = keys.map(String).slice(0, BOUNDS.keys);
  if (BARS.includes(bars) || bars === "no") change.bars = bars;
  if (typeof x === "string" && x) change.x = x;
  if (log === "0" || log === "1") change.log = log;
  if (logX === "0" || logX === "1") change.logX = logX;
  if (size in SIZES) change.size = size;
  if (hidden === true) change.hidden = true;
  if (pinned === true) change.pinned = true;
  return change;
}

export function writeChanges({ set, order }) {
  const kept = Object.fromEntries(Object.entries(set).filter(([, change]) => Object.keys(change).length));
  const ordered = Object.fromEntries(Object.entries(order).filter(([, ids]) => ids.length));
  const whole = {
    ...(Object.keys(kept).length && { set: kept }),
    ...(Object.keys(ordered).length && { order: ordered }),
  };
  return Object.keys(whole).length ? JSON.stringify(whole) : "";
}

const isOwn = (id) => id.startsWith("+");

/** @returns {string} the id of a chart that is not there yet */
export function freshId({ set }) {
  for (let number = 1; ; number++) if (!(`+${number}` in set)) return `+${number}`;
}

/**
 * @param {string[]} keys all metrics
 * @returns {{sections: {name: string, cards: Card[]}[], hidden: Card[]}} sections in their order: what was
 *   pinned and added first, the load of the machine last
 */
export function arranged(keys, { set, order }) {
  const own = Object.keys(set)
    .filter(isOwn)
    .map((id) => ({ id, title: "", keys: [], section: ADDED, rank: 0, own: true }));
  const cards = [...own, ...usual(keys)].map((card) => ({
    bars: "",
    x: "",
    log: "",
    logX: "",
    size: "S",
    ...card,
    ...set[card.id],
  }));
  for (const card of cards) card.title ||= card.keys.join(", ") || "Chart";
  const sections = new Map([
    [PINNED, []],
    [ADDED, []],
    [PLAIN, []],
  ]);
  for (const card of cards) {
    if (card.hidden) continue;
    const name = card.pinned ? PINNED : card.section;
    if (!sections.has(name)) sections.set(name, []);
    sections.get(name).push(card);
  }
  const named = [...sections]
    .filter(([, cards]) => cards.length)
    .map(([name, cards]) => ({ name, cards: inOrder(cards, order[name] || []) }));
  named.sort((a, b) => (a.name === "system") - (b.name === "system"));
  return { sections: named, hidden: cards.filter((card) => card.hidden) };
}

function inOrder(cards, ids) {
  const places = new Map(ids.map((id, at) => [id, at]));
  return [...cards].sort((a, b) => (places.get(a.id) ?? Infinity) - (places.get(b.id) ?? Infinity) || a.rank - b.rank);
}

/** The order of a section after one of its charts was put where another is. */
export function moved(cards, id, to) {
  const ids = cards.map((card) => card.id);
  const from = ids.indexOf(id);
  if (from < 0 || to < 0 || to >= ids.length) return ids;
  ids.splice(to, 0, ...ids.splice(from, 1));
  // What stands behind is in its own order: it needs no mention.
  return ids.slice(0, Math.max(from, to) + 1);
}
