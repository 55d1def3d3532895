/** The moment that pages show: now, or one of the past, which stands in the address as `at`. */
import { computed } from "@preact/signals";
import { route, setQuery } from "./route.js";

/** "" for now; a position of the log, or a time in ISO 8601: what the server takes as `at`. */
export const at = computed(() => route.value.query.at || "");

// Moves that follow each other this soon are one step for the browser's "back".
const ONE_STEP_MS = 1500;
let movedAt = -Infinity;

/** Show another moment, "" for now. */
export function goTo(moment) {
  if (moment === at.value) return;
  const push = !at.value || performance.now() - movedAt > ONE_STEP_MS;
  movedAt = performance.now();
  setQuery({ at: moment }, { push });
}

export const backToNow = () => setQuery({ at: "" }, { push: true });
