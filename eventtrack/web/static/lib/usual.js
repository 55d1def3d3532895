/** The columns of a table while none are chosen: those that differ between the runs, losses first, counters last. */
import { valueOf } from "./fields.js";
import { byRank, rankOf } from "./workspace.js";

// As many are shown, and as many are looked at to choose them; metrics and params take turns.
const SHOWN = { metrics: 4, params: 4 };
const LOOKED_AT = { metrics: 10, params: 16 };
const COUNTER = 7;
// Rows that are looked at: tables may have a hundred thousand.
const ROWS = 500;

/** Params that tell runs apart come first, those that only say where a run took place last. */
const PARAMS = [
  [/(^|[/_.-])(lr|learning_rate)$/i, 0],
  [/(^|[/_.-])(seed|random_state|num_workers|workers|device|\w*(dir|path|file|url|uri)|id)$/i, 2],
];
const rankOfParam = (key) => (PARAMS.find(([pattern]) => pattern.test(key)) || [null, 1])[1];

export const paramsByRank = (params) => [...params].sort((a, b) => rankOfParam(a) - rankOfParam(b));

/** @returns {string[]} the columns that have to be asked for, before it is known which differ */
export const candidatesOf = (known) => [
  ...byRank(known.metrics.filter((key) => !key.startsWith("system/")))
    .slice(0, LOOKED_AT.metrics)
    .map((key) => `metrics.${key}`),
  ...paramsByRank(known.params)
    .slice(0, LOOKED_AT.params)
    .map((key) => `params.${key}`),
];

/** @param {Iterable<object>} rows those that are here */
export function usualColumns(candidates, rows) {
  const some = [];
  for (const row of rows) if (some.push(row) === ROWS) break;
  const values = (name) => new Set(some.map((row) => valueOf(row, name)).filter((value) => value !== undefined));
  // One run differs from nothing: all of its columns are shown.
  const varied = some.length > 1 ? candidates.filter((name) => values(name).size > 1) : candidates;
  const metrics = varied.filter((name) => name.startsWith("metrics."));
  const telling = metrics.filter((name) => rankOf(name.slice("metrics.".length)) < COUNTER);
  const params = varied.filter((name) => name.startsWith("params."));
  const kept = [...(telling.length ? telling : metrics).slice(0, SHOWN.metrics), ...params.slice(0, SHOWN.params)];
  if (!kept.length) return candidates.slice(0, SHOWN.metrics);
  // The first metrics, then params beside them.
  const first = kept.filter((name) => name.startsWith("metrics.")).slice(0, 1);
  return [
    ...first,
    ...params.slice(0, 2),
    ...kept.filter((name) => !first.includes(name) && !params.slice(0, 2).includes(name)),
  ];
}
