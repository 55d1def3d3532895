/** What changed in the store, as the server tells it. */
import { at } from "./past.js";
import { signal, useEffect, useRef } from "./ui.js";

/** Whether the server can be heard: shown in the header. */
export const connected = signal(false);

const listeners = new Set();
let wanted = false;
let source = null;
let position = ""; // of the last news, where the next stream goes on

const tell = (streams, all) => {
  for (const hear of listeners) hear(streams, all);
};

function listen() {
  if (source || document.hidden) return;
  const mine = (source = new EventSource(`/api/eventtrack/1/live${position && `?after=${position}`}`));
  mine.addEventListener("open", () => (connected.value = true));
  mine.addEventListener("error", () => {
    connected.value = false;
    // A browser comes back by itself, with the last id it saw, unless it was refused.
    if (mine.readyState !== EventSource.CLOSED || mine !== source) return;
    source = null;
    setTimeout(listen, 3000);
  });
  mine.addEventListener("hello", (event) => (position = event.lastEventId));
  mine.addEventListener("changes", (event) => {
    position = event.lastEventId;
    const { streams = [], all = false } = JSON.parse(event.data);
    tell(streams, all);
  });
}

/** Let every part of the page ask again, as if all had changed. */
export const hearAll = () => tell([], true);

// A page in the background needs nothing: it catches up when it is looked at again. It keeps no stream
// open either: a browser has six connections to a server, so six such tabs would leave none for a seventh.
document.addEventListener("visibilitychange", () => {
  if (!wanted) return;
  if (document.hidden) {
    source?.close();
    source = null;
    connected.value = false;
    return;
  }
  listen();
  hearAll();
});

// How often a run that is running is looked at again: that its process died is no event.
const LOOK_AGAIN_MS = 20_000;

/** Call `reload` now and then while something shown is running, and somebody looks at it. */
export function useLook(running, reload) {
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => document.hidden || at.value || reload(), LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [running, reload]);
}

/**
 * Call `reload` when a stream changed that `concerns` says yes to; at most once a `pause` ms.
 * It is told which: a set of streams, or null where any may have changed.
 */
export function useLive(concerns, reload, pause = 300) {
  const latest = useRef();
  latest.current = { concerns, reload };
  useEffect(() => {
    wanted = true;
    listen();
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
