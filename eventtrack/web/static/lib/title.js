/** The title of the tab: what the page shows first, for a browser shows some letters only. */
import { useEffect } from "./ui.js";

const PRODUCT = "eventtrack";
// Turns of writing direction in a logged name would turn the browser's own words, too.
const TURNS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** @param {...(string | undefined)} parts from the particular to the general */
export function useTitle(...parts) {
  const title = [...parts, PRODUCT].filter(Boolean).join(" · ").replace(TURNS, "");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
