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
 * @returns {{data: any, error: any, loading: boolean, reload: () => void}}
 */
export function useData(key, load, { always = false } = {}) {
  const text = key === null ? null : JSON.stringify([always ? "" : at.value, ...key]);
  const [state, setState] = useState({ data: undefined, error: null, loading: true, text: null });
  const current = useRef(null);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => {
    current.current?.abort();
    if (text === null) return;
    const mine = (current.current = new AbortController());
    latest.current({ signal: mine.signal }).then(
      (data) => !mine.signal.aborted && setState({ data, error: null, loading: false, text }),
      (error) => !mine.signal.aborted && setState((old) => ({ data: old.data, error, loading: false, text })),
    );
  }, [text]);
  useEffect(() => {
    setState((old) => ({ ...old, loading: true }));
    reload();
    return () => current.current?.abort();
  }, [reload]);
  useRetry(state.error, reload);
  return { ...state, fresh: state.text === text, reload };
}
