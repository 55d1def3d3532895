/** Tables out of files: comma-separated values, and the JSON that MLflow's `log_table` and pandas write. */
import { naturally } from "./format.js";

export const ROWS_MAX = 10_000;

/**
 * @param {string} text
 * @param {string} name the file's name, whose ending says what it is
 * @returns {{columns: string[], rows: any[][], total: number} | null} null if it is no table
 */
export function tableOf(text, name) {
  const ending = name.split(".").pop().toLowerCase();
  if (ending === "csv" || ending === "tsv") return ofLines(linesOf(text, ending === "csv" ? "," : "\t", ROWS_MAX));
  try {
    return ofValue(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Rows of separated values (RFC 4180): quoted fields may hold commas, line breaks and doubled quotes.
 * @param {number} most rows, not counting the first, which has the names of the columns
 */
export function linesOf(text, comma, most) {
  const rows = [[]];
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${comma}\\r\\n]*))(${comma}|\\r?\\n|$)`, "y");
  for (let match = field.exec(text); match && rows.length <= most + 1; match = field.exec(text)) {
    const [whole, quoted, plain, end] = match;
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "" || whole === "") break;
    if (end !== comma) rows.push([]);
  }
  return rows;
}

function ofLines([columns, ...others]) {
  const filled = others.filter((row) => row.length > 1 || row[0]).slice(0, ROWS_MAX);
  return { columns, rows: filled.map((row) => row.map(numeric)), total: filled.length };
}

const numeric = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function ofValue(value) {
  if (Array.isArray(value?.columns) && Array.isArray(value.data))
    return shaped(value.columns.map(String), value.data.filter(Array.isArray));
  if (
    Array.isArray(value) &&
    value.length &&
    value.every((row) => row && typeof row === "object" && !Array.isArray(row))
  ) {
    const columns = [...new Set(value.slice(0, ROWS_MAX).flatMap(Object.keys))];
    return shaped(
      columns,
      value.map((row) => columns.map((column) => row[column])),
    );
  }
  return null;
}

const shaped = (columns, rows) => ({ columns, rows: rows.slice(0, ROWS_MAX), total: rows.length });

/** Several tables as one, with the name of the run before each row; columns are joined by name. */
export function joined(tables) {
  const columns = [...new Set(tables.flatMap(({ table }) => table.columns))];
  const rows = tables.flatMap(({ name, table }) => {
    const places = columns.map((column) => table.columns.indexOf(column));
    return table.rows.map((row) => [name, ...places.map((place) => (place < 0 ? null : row[place]))]);
  });
  return { columns: ["run", ...columns], rows, total: tables.reduce((sum, { table }) => sum + table.total, 0) };
}

/** Numbers by size, then texts in the order of people; what is missing comes last, whatever the direction. */
export function sorted(rows, column, descending) {
  const sign = descending ? -1 : 1;
  const rank = (value) =>
    value === null || value === undefined || value === "" ? 2 : typeof value === "number" ? 0 : 1;
  return [...rows].sort((left, right) => {
    const [a, b] = [left[column], right[column]];
    const order = rank(a) - rank(b);
    if (order || rank(a) === 2) return order;
    return sign * (typeof a === "number" ? a - b : naturally(String(a), String(b)));
  });
}
