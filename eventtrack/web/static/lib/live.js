/** What changed in the store, as the server tells it. */
import { at } from "./past.js";
import { signal, useEffect, useRef } from "./ui.js";

/** Whether the server can be heard: shown in the header. */
export const connected = signal(false);

const listeners = new Set();
let source = null;

function listen() {
  source = new EventSource("/api/eventtrack/1/live");
  source.addEventListener("open", () => (connected.value = true));
  source.addEventListener("error", () => {
    connected.value = false;
    // A browser comes back by itself, with the last id it saw, unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
  source.addEventListener("changes", (event) => {
    const { streams = [], all = false } = JSON.parse(event.data);
    for (const hear of listeners) hear(streams, all);
  });
}

/** Let every part of the page ask again, as if all had changed. */
export function hearAll() {
  for (const hear of listeners) hear([], true);
}

// A page in the background needs nothing: it catches up when it is looked at again.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && source) hearAll();
});

/**
 * Call `reload` when a stream changed that `concerns` says yes to; at most once a `pause` ms.
 * It is told which: a set of streams, or null where any may have changed.
 */
export function useLive(concerns, reload, pause = 300) {
  const latest = useRef();
  latest.current = { concerns, reload };
  useEffect(() => {
    if (!source) listen();
    let timer = null;
    let last = 0;
    let changed = new Set();
    const hear = (streams, all) => {
      if (document.hidden || at.value) return;
      if (all) changed = null;
      else if (changed) for (const stream of streams) if (latest.current.concerns(stream)) changed.add(stream);
      if (timer !== null || changed?.size === 0) return;
      timer = setTimeout(
        () => {
          timer = null;
          last = performance.now();
          const news = changed;
          changed = new Set();
          latest.current.reload(news);
        },
        Math.max(0, pause - (performance.now() - last)),
      );
    };
    listeners.add(hear);
    return () => {
      clearTimeout(timer);
      listeners.delete(hear);
    };
  }, [pause]);
}
