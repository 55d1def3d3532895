/** Rows of a run table, asked for by the page as they come into sight. */
import { post } from "./api.js";
import { at } from "./past.js";
import { useCallback, useEffect, useRef, useState } from "./ui.js";

export const PAGE = 200;
// A tree is arranged from whole tables only, and this is the longest that one request gives.
export const TREE_MAX = 1000;

/** Column-wise JSON into one object a row. */
export function rowsOf(answer) {
  const { runs, parents, values } = answer;
  return parents.map((parent, at) => {
    const row = { parent, cells: {} };
    for (const field in runs) row[field] = runs[field][at];
    for (const name in values) row.cells[name] = values[name][at];
    return row;
  });
}

/**
 * @param {object} asked what the table shows: experiment_ids, filter, order_by, columns, run_view_type
 * @param {number} size rows of one request
 */
export function useRows(asked, size = PAGE) {
  const key = JSON.stringify([at.value, asked, size]);
  const [state, setState] = useState({ key: "", total: undefined, rows: new Map(), error: null });
  const wanted = useRef({ key, pages: new Set(), pending: new Set(), last: 0 });
  if (wanted.current.key !== key) wanted.current = { key, pages: new Set(), pending: new Set(), last: 0 };

  const load = useCallback((page, anew = false) => {
    const mine = wanted.current;
    // A table that still shows what was asked before would have its old question count as the new.
    if (mine.key !== key) return;
    if (mine.pending.has(page) || (!anew && mine.pages.has(page))) return;
    mine.pages.add(page);
    mine.pending.add(page);
    post("runs", { ...asked, offset: page * size, limit: size }).then(
      (answer) => {
        mine.pending.delete(page);
        if (wanted.current !== mine) return;
        const found = rowsOf(answer);
        setState((old) => {
          const rows = new Map(old.key === key ? old.rows : []);
          found.forEach((row, at) => rows.set(page * size + at, row));
          return { key, total: answer.total, rows, error: null };
        });
      },
      (error) => {
        mine.pending.delete(page);
        mine.pages.delete(page);
        if (wanted.current === mine) setState((old) => ({ ...old, key, error }));
      },
    );
  }, [key]);

  const reload = useCallback(() => {
    // What is in sight first; the rest is asked for again when it is scrolled to.
    const { pages, last } = wanted.current;
    for (const page of [...pages]) if (page !== last && page !== 0) pages.delete(page);
    load(0, true);
    if (last) load(last, true);
  }, [load]);
  const see = useCallback((first, stop) => {
    for (let page = Math.floor(first / size); page * size < stop; page++) {
      wanted.current.last = page;
      load(page);
    }
  }, [load]);
  useEffect(() => load(0), [load]);
  return { ...state, fresh: state.key === key, see, reload };
}

/** Rows in the order of a tree, each with its depth; those of folded parents are left out. */
export function treeOf(rows, folded) {
  const known = new Map(rows.map((row) => [row.run_id, row]));
  const below = new Map();
  for (const row of rows) {
    const parent = known.has(row.parent) && row.parent !== row.run_id ? row.parent : "";
    below.set(parent, [...(below.get(parent) || []), row]);
  }
  const found = [];
  const met = new Set();
  const walk = (row, depth, shown) => {
    if (met.has(row.run_id)) return;
    met.add(row.run_id);
    const children = below.get(row.run_id) || [];
    if (shown) found.push({ ...row, depth, children: children.length });
    for (const child of children) walk(child, depth + 1, shown && !folded.has(row.run_id));
  };
  for (const row of below.get("") || []) walk(row, 0, true);
  for (const row of rows) walk(row, 0, true); // runs that claim to be their own ancestors
  return found;
}
