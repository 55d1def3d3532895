/** Curves of groups of many runs: the server reads some runs at a time, and the page merges what they come to. */
import { bands } from "./api.js";
import { merged } from "./bands.js";
import { useLive } from "./live.js";
import { at } from "./past.js";
import { usePieces } from "./pieces.js";
import { useMemo, useRef } from "./ui.js";

const NONE = { bands: new Map(), step: 0, low: 0, high: 0, x: "" };
// Curves of one request, which takes the server a fifth of a second or so.
const CURVES = 1000;
// A live page rests so many times as long as its groups took to read, and at least so many ms.
const REST = { times: 10, least: 1000 };

/** The key under which the band of a metric of a group is kept. */
export const bandId = (groupId, key) => `${groupId}\n${key}`;

/**
 * @param {import("./drawn.js").Group[] | null} groups null: nothing is asked for
 * @param {{keys: string[], x: string, buckets: number, low?: number, high?: number, quantiles: boolean}} asked
 * @returns {{bands: Map<string, import("./bands.js").Band>, step: number, low: number, high: number, x: string,
 *   done: boolean, error: any, reload: () => void}} `done` is false as long as runs are missing
 */
export function useBands(groups, asked) {
  const members = useMemo(
    () => groups?.map(({ id, runs }) => `${id} ${runs.map((run) => run.run_id).join()}`).join("\n"),
    [groups],
  );
  const text = groups && asked.keys.length ? JSON.stringify([at.value, asked, members]) : null;
  const took = useRef(0);
  const read = async (tell, signal) => {
    const began = performance.now();
    // What was drawn stays until all runs are here again, if it is over the same axis.
    await eachPart(groups, asked, signal, (part) =>
      tell((old) => (!part.done && old.done && old.x === asked.x ? old : { ...part, x: asked.x })),
    );
    took.current = performance.now() - began;
  };
  const { state, load, reload } = usePieces(NONE, text, read);

  const known = useRef({});
  useLive(
    (stream) => {
      if (known.current.text !== text)
        known.current = { text, ids: new Set((groups || []).flatMap(({ runs }) => runs.map((run) => run.run_id))) };
      return text !== null && known.current.ids.has(stream.slice(4));
    },
    () => load(),
    Math.max(REST.least, REST.times * took.current),
  );
  return { ...state, reload };
}

/** Ask for some runs after the other, on a grid that is wide enough for all; `tell` hears of all that are here. */
async function eachPart(groups, asked, signal, tell) {
  const runs = groups.flatMap(({ id, runs }) => runs.map((run) => [id, run.run_id]));
  const each = Math.max(Math.floor(CURVES / asked.keys.length), 1);
  let [width, low, high] = [0, Infinity, -Infinity];
  let all = new Map();
  for (let place = 0; place < runs.length; ) {
    const part = runs.slice(place, place + each);
    const ids = [...new Set(part.map(([id]) => id))];
    const of = ids.map((id) => part.filter(([other]) => other === id).map(([, runId]) => runId));
    const answer = await bands({ ...asked, groups: of, width }, { signal });
    if (signal.aborted) return;
    const { step } = answer;
    if (answer.low !== null) [low, high] = [Math.min(low, answer.low), Math.max(high, answer.high)];
    let wider = 1;
    while (high - low > 2 * asked.buckets * step * wider && step > 0) wider *= 2;
    width = answer.width * wider;
    if (wider > 1) {
      // Runs that reach further than those before: all of them are read again.
      all = new Map();
      place = 0;
      continue;
    }
    for (const band of answer.bands) {
      const id = bandId(ids[band.group], band.key);
      all.set(id, merged(all.get(id), band));
    }
    place += answer.next ?? part.length;
    const reach = { low: asked.low ?? (low > high ? 0 : low), high: asked.high ?? (low > high ? 0 : high) };
    tell({ bands: new Map(all), step, ...reach, done: place >= runs.length });
  }
}
