/** Groups of more runs than the page holds: the server counts them, and gives rows of open ones as they are seen. */
import { post } from "./api.js";
import { useData, useRetry } from "./data.js";
import { askedOf, valueOf } from "./fields.js";
import { useLive } from "./live.js";
import { at } from "./past.js";
import { PAGE, Table } from "./rows.js";
import { useCallback, useMemo, useRef, useState } from "./ui.js";

/** Whether the server makes groups by a field; by others, as the start, the page does it with the rows that it has. */
export const isCounted = (by) => /^(params|tags)\.|^attributes\.(status|user_id)$/.test(by);

const isOfRun = (stream) => stream.startsWith("run/");
const keyOf = (value) => (value === undefined || value === null ? "none" : `is ${value}`);

/**
 * @param {object} asked the question of the table; null: nothing is asked for
 * @param {string} by what the groups are made by
 * @param {string[]} columns those with figures
 * @param {object[] | null} first the first rows of the table: groups stand in their order, the others behind, by size
 * @param {{has: (id: string) => boolean}} folded
 * @returns {{rows: Grouped | null, total: number, error: any}} `total` counts the groups; the largest are here
 */
export function useGrouped(asked, by, columns, first, folded) {
  const { order_by, columns: _, ...wanted } = asked || {};
  const question = { ...wanted, by, columns: askedOf(columns) };
  const counted = useData(asked && ["groups", question], (options) => post("groups", question, options));
  useLive((stream) => Boolean(asked) && isOfRun(stream), counted.reload, 10_000);
  const groups = asked && counted.fresh ? counted.data?.groups : undefined;
  const headers = useMemo(() => groups && first && headersOf(groups, first, by), [groups, first, by]);

  const [drawn, redraw] = useState(0);
  const key = JSON.stringify([at.value, asked, by]);
  const tables = useMemo(() => new Map(), [key]);
  const current = useRef();
  current.current = tables;
  const tableOf = useCallback(
    (value) => {
      const id = keyOf(value);
      const part = { at: at.value, ...asked, by, ...(value === undefined ? {} : { value }) };
      const tell = (table) => current.current.get(id) === table && redraw((n) => n + 1);
      if (!tables.has(id)) tables.set(id, new Table(part, PAGE, tell));
      return tables.get(id);
    },
    [tables],
  );
  const rows = useMemo(() => headers && new Grouped(headers, folded, tableOf), [headers, folded, tableOf]);
  const reload = useCallback(() => rows?.reload(tables), [rows, tables]);
  useLive(isOfRun, reload, 700);
  const error = useMemo(() => [...tables.values()].map((table) => table.error).find(Boolean), [tables, drawn]);
  useRetry(error, reload);
  return { rows, total: counted.data?.total ?? 0, error: counted.error || error };
}

/** The headers of the groups; `rows` are those of its runs that are among the first ones. */
function headersOf(groups, first, by) {
  const headers = new Map(
    groups.map(({ value, runs, figures }) => {
      const key = keyOf(value);
      const header = { group: true, counted: true, run_id: `group ${key}`, value: value ?? undefined };
      return [key, { ...header, runs, figures, rows: [] }];
    }),
  );
  const met = new Set();
  for (const row of first) {
    const header = headers.get(keyOf(valueOf(row, by)));
    if (!header) continue;
    met.add(header);
    header.rows.push(row);
  }
  return [...new Set([...met, ...headers.values()])];
}

/** Rows of a table: the header of each group, and behind those of open groups a place for each run. */
class Grouped {
  #blocks = [];
  #seen = [];
  #tableOf;
  length = 0;

  constructor(headers, folded, tableOf) {
    this.headers = headers;
    this.#tableOf = tableOf;
    for (const header of headers) {
      const size = folded.has(header.run_id) ? 0 : header.runs;
      this.#blocks.push({ header, start: this.length, size });
      this.length += 1 + size;
    }
    this.see = this.see.bind(this);
  }

  /** The header or the run at a place; undefined while the run is not here yet. */
  at(place) {
    const { header, start } = this.#blocks.findLast((block) => block.start <= place);
    if (place === start) return header;
    const row = this.#tableOf(header.value).rows.get(place - start - 1);
    return row && { ...row, depth: 1 };
  }

  /** Ask for the runs at the places `[first, stop)` that are not here yet. */
  see(first, stop) {
    this.#seen = this.#blocks.filter(({ start, size }) => size && start + 1 < stop && start + 1 + size > first);
    for (const { header, start, size } of this.#seen) {
      const [from, to] = [first, stop].map((place) => Math.min(Math.max(place - start - 1, 0), size));
      this.#tableOf(header.value).see(from, to);
    }
  }

  /** Something changed: what is in sight is asked for anew, the rest when it is scrolled to. */
  reload(tables) {
    const seen = new Set(this.#seen.map(({ header }) => this.#tableOf(header.value)));
    for (const [id, table] of [...tables]) {
      if (seen.has(table)) table.reload(false);
      else tables.delete(id);
    }
  }
}
