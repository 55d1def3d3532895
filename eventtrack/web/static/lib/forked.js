/** Where a run was forked, as its tag says: the other run, `@` and the step. */

/**
 * @param {string | null | undefined} text
 * @returns {{parent: string, step: number | undefined} | null} no step: the fork begins with all steps; null: no fork
 */
export function forkedOf(text) {
  const [parent, step] = (text || "").split("@");
  return parent ? { parent, step: step && Number.isFinite(Number(step)) ? Number(step) : undefined } : null;
}

/** A run with its tags as charts take it. */
export const withFork = ({ info, tags }) => ({ ...info, forked: tags["eventtrack.forkedFrom"] });
