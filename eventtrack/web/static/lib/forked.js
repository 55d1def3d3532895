/** Where a run was forked, as its tag says: the other run, `@` and the step. */

/**
 * @param {string | null | undefined} text
 * @returns {{parent: string, step: number | undefined} | null} no step: the fork begins with all steps; null: no fork
 */
export function forkedOf(text) {
  const [parent, step] = (text || "").split("@");
  return parent ? { parent, step: step && Number.isFinite(Number(step)) ? Number(step) : undefined } : null;
}

/** The steps of the forks among some runs by their ids, as `POST series` takes them; undefined without any. */
export function forksOf(runs) {
  const forks = runs.map(({ run_id: id, forked }) => [id, forkedOf(forked)?.step]);
  const known = forks.filter(([, step]) => Number.isInteger(step));
  return known.length ? Object.fromEntries(known) : undefined;
}

/** A run with its tags as charts take it. */
export const withFork = ({ info, tags }) => ({ ...info, forked: tags["eventtrack.forkedFrom"] });
