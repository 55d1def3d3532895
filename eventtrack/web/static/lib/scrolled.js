/** Where a box was scrolled to, kept with the entry of the browser's history: "back" shows the same rows again. */
import { useLayoutEffect, useRef } from "./ui.js";

// Browsers refuse many changes of an entry in a row.
const REST_MS = 200;

/**
 * @param {{current: HTMLElement}} box full of its rows from the start
 * @param {string} name of the box in the entry
 * @returns {(top: number) => void} to be told of each scroll
 */
export function useScrolled(box, name) {
  const timer = useRef();
  useLayoutEffect(() => {
    const top = history.state?.[name];
    if (top) box.current.scrollTop = top;
    return () => clearTimeout(timer.current);
  }, []);
  return (top) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => history.replaceState({ ...history.state, [name]: top }, ""), REST_MS);
  };
}
