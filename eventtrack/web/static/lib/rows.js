/** Rows of a run table, asked for by the page as they come into sight, or all of them. */
import { post } from "./api.js";
import { useRetry } from "./data.js";
import { at } from "./past.js";
import { useCallback, useEffect, useMemo, useRef, useState } from "./ui.js";

export const PAGE = 200;
/** As many as one request gives. */
export const PAGE_MAX = 1000;
// Trees, groups and charts of all runs are arranged in the browser: from tables up to this size.
export const WHOLE_MAX = 10_000;

/** Column-wise JSON into one object a row. */
export function rowsOf(answer) {
  const { runs, parents, forks, values } = answer;
  return parents.map((parent, at) => {
    const row = { parent, forked: forks[at], cells: {} };
    for (const field in runs) row[field] = runs[field][at];
    for (const name in values) row.cells[name] = values[name][at];
    return row;
  });
}

/**
 * One question and what is known of its answer. Each question has an object of its own, so that an
 * answer, a scroll or a change that comes late cannot be taken for another question's.
 */
export class Table {
  rows = new Map();
  total = undefined;
  error = null;
  #asked;
  #size;
  #tell;
  #pages = new Set();
  #pending = new Set();
  #again = new Set();
  #last = 0;

  constructor(asked, size, tell) {
    this.#asked = asked;
    this.#size = size;
    this.#tell = tell;
  }

  /** Ask for the rows `[first, stop)` that are not here yet. */
  see(first, stop) {
    for (let page = Math.floor(first / this.#size); page * this.#size < stop; page++) {
      this.#last = page;
      if (!this.#pages.has(page)) this.#load(page);
    }
  }

  /** Something changed: what is in sight is asked for anew, the rest when it is scrolled to. */
  reload(whole) {
    const { rows } = this;
    for (const page of [...this.#pages]) {
      if (whole || page === this.#last || page === 0) this.#load(page);
      else this.#pages.delete(page);
    }
    if (!rows.size && !this.#pending.size) this.#load(0);
  }

  #load(page) {
    this.#pages.add(page);
    // A change that is told of while an answer is under way may not be in it.
    if (this.#pending.has(page)) return this.#again.add(page);
    this.#pending.add(page);
    const done = () => {
      this.#pending.delete(page);
      if (this.#again.delete(page)) this.#load(page);
      this.#tell(this);
    };
    return post("runs", { ...this.#asked, offset: page * this.#size, limit: this.#size }).then(
      (answer) => {
        const rows = new Map(this.rows);
        rowsOf(answer).forEach((row, at) => rows.set(page * this.#size + at, row));
        for (let at = answer.total; at < (this.total ?? 0); at++) rows.delete(at);
        Object.assign(this, { rows, total: answer.total, remark: answer.remark, error: null });
        done();
      },
      (error) => {
        this.#pages.delete(page);
        this.error = error;
        done();
      },
    );
  }
}

/**
 * @param {object} asked what the table shows: experiment_ids, filter, order_by, columns, run_view_type
 * @param {boolean} whole whether all rows are needed, up to `WHOLE_MAX`
 * @returns the table that is asked for, or the one before while there is no answer yet (`fresh` says
 *   which); `error` is of the one asked for
 */
export function useRows(asked, whole) {
  const size = whole ? PAGE_MAX : PAGE;
  const key = JSON.stringify([at.value, asked, size]);
  const [, redraw] = useState(0);
  const current = useRef(null);
  const shown = useRef(null);
  const table = useMemo(
    () => new Table({ at: at.value, ...asked }, size, (told) => told === current.current && redraw((n) => n + 1)),
    [key],
  );
  current.current = table;
  if (table.total !== undefined || shown.current === null) shown.current = table;
  const { rows, total, remark } = shown.current;

  useEffect(() => table.see(0, 1), [table]);
  const known = table.total;
  useEffect(() => {
    if (whole && known > 0) table.see(0, Math.min(known, WHOLE_MAX));
  }, [table, whole, known]);
  const see = useCallback((first, stop) => table.see(first, stop), [table]);
  const reload = useCallback(() => table.reload(whole), [table, whole]);
  useRetry(table.error, reload);
  const complete = whole && total !== undefined && rows.size >= Math.min(total, WHOLE_MAX);
  return { rows, total, remark, complete, error: table.error, fresh: shown.current === table, see, reload };
}

/** All rows of a question, one request after the other; `tell` hears how many are here. */
export async function allRows(asked, tell = () => {}) {
  const rows = [];
  for (let total = 1; rows.length < total; ) {
    const answer = await post("runs", { ...asked, offset: rows.length, limit: PAGE_MAX });
    const page = rowsOf(answer);
    total = page.length ? answer.total : 0;
    rows.push(...page);
    tell(rows.length, answer.total);
  }
  return rows;
}
