/** The moment that pages show: now, or one of the past, which stands in the address as `at`. */
import { computed, effect, signal } from "@preact/signals";
import { route, setQuery } from "./route.js";

/** "" for now; a position of the log, or a time in ISO 8601: what the server takes as `at`. */
export const at = computed(() => route.value.query.at || "");

/** How many questions about a moment of the past the server has not answered yet. */
export const pending = signal(0);

/** Where the slider is, while pages do not show it yet; null when they do. */
export const wanted = signal(null);

// Moves that follow each other this soon are one step for the browser's "back".
const ONE_STEP_MS = 1500;
// Pages ask for what they show a frame or two after the moment changed.
const ASKED_WITHIN_MS = 60;
// An answer that takes longer is not waited for: what asks then drops it.
const PATIENCE_MS = 3000;
let movedAt = -Infinity;
let timer = null;

/** Show another moment, "" for now. */
export function goTo(moment) {
  if (moment === at.value) return;
  const push = !at.value || performance.now() - movedAt > ONE_STEP_MS;
  movedAt = performance.now();
  setQuery({ at: moment }, { push });
}

/**
 * Show another moment as soon as the one before it is shown: while a slider is dragged, only the
 * newest is asked for, as fast as the server answers.
 */
export function moveTo(moment) {
  wanted.value = moment;
  proceed();
}

export function backToNow() {
  wanted.value = null;
  if (at.value) setQuery({ at: "" }, { push: true });
}

function proceed() {
  clearTimeout(timer);
  if (wanted.value === null) return;
  const since = performance.now() - movedAt;
  if (since < ASKED_WITHIN_MS || (pending.value > 0 && since < PATIENCE_MS)) {
    timer = setTimeout(proceed, pending.value > 0 ? 300 : ASKED_WITHIN_MS);
    return;
  }
  const moment = wanted.value;
  wanted.value = null;
  goTo(moment);
}

effect(() => {
  if (pending.value === 0 && wanted.peek() !== null) queueMicrotask(proceed);
});
