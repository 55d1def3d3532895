/** What a component asked the server for: kept on screen while it is asked for anew. */
import { at } from "./past.js";
import { useCallback, useEffect, useRef, useState } from "./ui.js";

// How soon a server that did not answer is asked again, in ms.
const ASK_AGAIN_MS = 2000;

/** Ask again, now and then, while the server does not answer; any other refusal stays. */
export function useRetry(error, reload) {
  useEffect(() => {
    if (error?.status !== 0) return undefined;
    const timer = setTimeout(reload, ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [error, reload]);
}

/**
 * @param {unknown[]} key what the answer depends on, beside the moment shown; null asks for nothing
 * @param {(options: {signal: AbortSignal}) => Promise<any>} load
 * @param {{always?: boolean}} options `always`: the answer is the same at whatever moment
 * @returns {{data: any, error: any, loading: boolean, reload: () => void, again: () => void}}
 *   `reload` waits for an answer that is under way, `again` gives it up
 */
export function useData(key, load, { always = false } = {}) {
  const text = key === null ? null : JSON.stringify([always ? "" : at.value, ...key]);
  const [state, setState] = useState({ data: undefined, error: null, loading: true, text: null });
  const under = useRef(null);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => {
    if (text === null) return;
    // A change that is told of while an answer is under way may not be in it. The answer is waited
    // for all the same: where changes come faster than answers, there would never be one.
    if (under.current) {
      under.current.again = true;
      return;
    }
    const mine = (under.current = { stop: new AbortController(), again: false });
    const { signal } = mine.stop;
    const settle = (next) => {
      if (signal.aborted) return;
      under.current = null;
      setState(next);
      if (mine.again) reload();
    };
    latest.current({ signal }).then(
      (data) => settle({ data, error: null, loading: false, text }),
      (error) => settle((old) => ({ data: old.data, error, loading: false, text })),
    );
  }, [text]);
  useEffect(() => {
    setState((old) => ({ ...old, loading: true }));
    reload();
    return () => {
      under.current?.stop.abort();
      under.current = null;
    };
  }, [reload]);
  useRetry(state.error, reload);
  const again = useCallback(() => {
    under.current?.stop.abort();
    under.current = null;
    reload();
  }, [reload]);
  return { ...state, fresh: state.text === text, reload, again };
}
