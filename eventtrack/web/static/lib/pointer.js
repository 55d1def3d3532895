/** What is pointed at, for all charts and the table: they show the same run, at the same x. */
import { signal } from "@preact/signals";

/** The id of the run, or null. */
export const pointedRun = signal(null);

/** Where on which axis the pointer is in a chart: `{axis, x, source}`, or null. */
export const crosshair = signal(null);

export function pointAway() {
  pointedRun.value = null;
  crosshair.value = null;
}
