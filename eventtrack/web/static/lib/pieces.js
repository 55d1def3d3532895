/** What a chart draws and the server gives piece by piece: asked for once the chart is in sight. */
import { useRetry } from "./data.js";
import { useCallback, useEffect, useRef, useState } from "./ui.js";

// How long a chart has to be in sight, in ms: scrolling past asks for nothing.
export const PAUSE = 40;

/**
 * @param {object} none what is known before the first piece
 * @param {string | null} text the question; null: nothing is asked for
 * @param {(tell: (next: (old: object) => object) => void, signal: AbortSignal, some?: any) => Promise<void>} read
 *   asks for all pieces, or for `some`, and tells what is known with each: `old` itself where nothing is to be drawn
 * @returns {{state: object, busy: {current: boolean}, load: (some?: any) => void, reload: () => void}}
 *   `state` is what is known, with the last `error`; it is `done` once all pieces of the present question are here.
 *   `load` without `some` stops what is under way
 */
export function usePieces(none, text, read) {
  const [state, setState] = useState({ ...none, done: false, error: null, text: null });
  const latest = useRef();
  latest.current = read;
  const under = useRef(null);
  const busy = useRef(false);
  const load = useCallback(
    async (some) => {
      if (text === null) return;
      if (!some) {
        under.current?.abort();
        under.current = new AbortController();
      }
      busy.current = true;
      const { signal } = under.current;
      const tell = (next) =>
        setState((old) => {
          const known = next(old);
          return known === old ? old : { ...known, error: null, text };
        });
      try {
        await latest.current(tell, signal, some);
      } catch (error) {
        if (!signal.aborted) setState((old) => ({ ...old, error, text }));
      } finally {
        if (!signal.aborted) busy.current = false;
      }
    },
    [text],
  );
  useEffect(() => {
    if (text === null) return undefined;
    const timer = setTimeout(load, PAUSE);
    return () => {
      clearTimeout(timer);
      under.current?.abort();
      busy.current = false;
    };
  }, [load]);
  const reload = useCallback(() => load(), [load]);
  useRetry(state.error, reload);
  return { state: { ...state, done: state.done && state.text === text }, busy, load, reload };
}
