/** A series of text: its last lines, live; earlier ones when somebody asks for them, and all of them for a search. */
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { number } from "../lib/format.js";
import { Console } from "./console.js";

// As many lines are asked for at once.
const PART = 1000;

/**
 * @param {object} props
 * @param {{start: number, count: number, items: object[]}} props.part the last lines, anew with each that comes
 */
export function Texts({ part, run, name, label }) {
  const [wanted, setWanted] = useState(null);
  const [word, setWord] = useState("");
  const { start, items, error } = useLines({ run_id: run.run_id, kind: "text", key: name }, part, word ? 0 : wanted);
  const searching = word && start > 0 && !error;
  return html`
    ${
      start > 0 &&
      html`<p class="bar"><button onClick=${() => setWanted(Math.max(start - PART, 0))}>Earlier lines</button>
        <span class="quiet" role="status">${searching ? "Searching from the end: lines" : "Lines"} ${number(start + 1)}
        ${" "}to ${number(start + items.length)} of ${number(part.count)}</span></p>`
    }
    ${error && html`<p class="problem" role="alert">${error.message} ${error.hint || ""}</p>`}
    <${Console} items=${items} name=${label} onFind=${setWord} />`;
}

/**
 * The lines from `wanted` up to the end, as far as they are here; and why there are no more, if that failed. Without
 * `wanted` only those of the part: a page that is open for days holds no more of them.
 */
function useLines(series, part, wanted) {
  const kept = useRef({ start: part.start, items: part.items });
  const [, setDrawn] = useState(0);
  useEffect(() => {
    if (wanted === null) {
      kept.current = { start: part.start, items: part.items };
      setDrawn((times) => times + 1);
      return undefined;
    }
    const leaving = new AbortController();
    const ask = async (from, to) => {
      const fields = { ...series, start: from, limit: Math.min(to - from, PART) };
      const { items } = await get("items", fields, { signal: leaving.signal });
      if (!items.length) throw new Error(`Line ${from + 1} of ${series.key} is not there.`);
      return items;
    };
    const read = async () => {
      while (!leaving.signal.aborted) {
        const next = await extended(kept.current, part, wanted, ask);
        if (!next || leaving.signal.aborted) return;
        kept.current = next;
        setDrawn((times) => times + 1);
      }
    };
    read().catch((error) => {
      if (leaving.signal.aborted) return;
      kept.current = { ...kept.current, error };
      setDrawn((times) => times + 1);
    });
    return () => leaving.abort();
  }, [part, wanted, series.run_id, series.key]);
  return kept.current;
}

/** One step closer to all lines from `wanted` to the end; null once they are here. */
async function extended({ start, items }, part, wanted, ask) {
  const end = start + items.length;
  // More lines came than a part holds.
  if (end < part.start) return { start, items: [...items, ...(await ask(end, part.start))] };
  if (end < part.start + part.items.length) return { start, items: [...items, ...part.items.slice(end - part.start)] };
  if (start <= wanted) return null;
  const from = Math.max(start - PART, wanted);
  let earlier = [];
  // An answer with many letters ends early.
  while (from + earlier.length < start) earlier = [...earlier, ...(await ask(from + earlier.length, start))];
  return { start: from, items: [...earlier, ...items] };
}
