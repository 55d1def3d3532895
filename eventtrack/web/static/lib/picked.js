/** Which runs of a table are selected: some by their ids, or all that match the filter but for a few. */
import { allRows } from "./rows.js";

/** The address has `id,id`, or `*` for all that match, or `*id,id` for all but these. */
export class Picked {
  /**
   * @param {string} text as in the address
   * @param {number} [total] how many runs match, once that is known
   */
  constructor(text, total = 0) {
    this.all = text.startsWith("*");
    this.ids = new Set((this.all ? text.slice(1) : text).split(",").filter(Boolean));
    this.size = this.all ? Math.max(total - this.ids.size, 0) : this.ids.size;
  }

  has(id) {
    return this.ids.has(id) !== this.all;
  }

  /** The address of this selection with some runs added, or taken out. */
  changed(ids, on) {
    const named = new Set(this.ids);
    for (const id of ids) {
      if (on === this.all) named.delete(id);
      else named.add(id);
    }
    return `${this.all ? "*" : ""}${[...named].join(",")}`;
  }

  /** The ids of all selected runs: the server is asked for those that were never in sight. */
  async resolved(asked) {
    if (!this.all) return [...this.ids];
    const rows = await allRows({ ...asked, columns: [] });
    return rows.map((row) => row.run_id).filter((id) => !this.ids.has(id));
  }
}
