/** Rows in the order in which a table shows them: as a tree, or below the headers of groups. */
import { deviationOf } from "./bands.js";
import { numeric, valueOf } from "./fields.js";

/** Rows in the order of a tree, each with its depth; those of folded parents are left out. */
export function treeOf(rows, folded) {
  const known = new Map(rows.map((row) => [row.run_id, row]));
  const below = new Map();
  for (const row of rows) {
    const parent = known.has(row.parent) && row.parent !== row.run_id ? row.parent : "";
    if (below.has(parent)) below.get(parent).push(row);
    else below.set(parent, [row]);
  }
  const arranged = [];
  const met = new Set();
  const walk = (row, depth, shown) => {
    if (met.has(row.run_id)) return;
    met.add(row.run_id);
    const children = below.get(row.run_id) || [];
    if (shown) arranged.push({ ...row, depth, children: children.length });
    for (const child of children) walk(child, depth + 1, shown && !folded.has(row.run_id));
  };
  for (const row of below.get("") || []) walk(row, 0, true);
  for (const row of rows) walk(row, 0, true); // runs that claim to be their own ancestors
  return arranged;
}

/**
 * A header for each value of `by` and its rows behind it, in the order of their first rows: sorted
 * by a metric, the group with the best run is the first.
 */
export function groupsOf(rows, by, columns, folded) {
  const groups = new Map();
  for (const row of rows) {
    const value = valueOf(row, by);
    const key = value === undefined ? "none" : `is ${value}`;
    if (groups.has(key)) groups.get(key).rows.push(row);
    else groups.set(key, { key, value, rows: [row] });
  }
  return [...groups.values()].flatMap((group) => [
    { group: true, run_id: `group ${group.key}`, ...group, figures: figuresOf(group.rows, columns) },
    ...(folded.has(`group ${group.key}`) ? [] : group.rows.map((row) => ({ ...row, depth: 1 }))),
  ]);
}

/** Mean, standard deviation, min and max of each column with numbers. NaN and infinities are left out and counted. */
export function figuresOf(rows, columns) {
  const figures = {};
  for (const name of columns) {
    let [sum, least, most] = [0, Infinity, -Infinity];
    let others = 0;
    const numbers = [];
    for (const row of rows) {
      const value = valueOf(row, name);
      const number = numeric(value);
      if (number === undefined) {
        others += value !== undefined;
        continue;
      }
      sum += number;
      least = Math.min(least, number);
      most = Math.max(most, number);
      numbers.push(number);
    }
    // A mean of texts of which some happen to be numbers would mislead; NaN among metrics is told of.
    const many = numbers.length;
    if (many && (!others || name.startsWith("metrics.")))
      figures[name] = { mean: sum / many, std: deviationOf(numbers, sum / many), min: least, max: most, many, others };
  }
  return figures;
}
