/** The requests for curves of the charts of a page: those that come at about the same time go together. */
import { series } from "./api.js";

// How long a request waits for those of other charts, in ms.
const GATHER = 4;
// Curves of one request: more would be drawn later, fewer would cost more requests.
const CURVES = 100;
// As many are under way at once: the server answers while the page draws.
const UNDER_WAY = 2;

let waiting = [];
let underWay = 0;
let timer = null;

/**
 * Ask for the curves of a chart.
 * @param {{run_ids: string[], keys: string[]}} asked as `POST series` takes it
 * @param {AbortSignal} signal
 * @returns {Promise<object>} the answer for this chart; rejects with an AbortError when it is not wanted any more
 */
export async function curvesOf(asked, signal) {
  const chart = { asked, signal, left: () => {} };
  const answer = new Promise((resolve, reject) => Object.assign(chart, { resolve, reject }));
  const leave = () => {
    chart.reject(signal.reason);
    chart.left();
  };
  signal.addEventListener("abort", leave);
  waiting.push(chart);
  if (timer === null) timer = setTimeout(send, GATHER);
  try {
    return await answer;
  } finally {
    // A chart that is live for hours asks often with one signal.
    signal.removeEventListener("abort", leave);
  }
}

function send() {
  timer = null;
  waiting = waiting.filter(({ signal }) => !signal.aborted);
  while (underWay < UNDER_WAY && waiting.length) {
    const charts = [];
    let curves = 0;
    while (waiting.length) {
      const { run_ids: runs, keys } = waiting[0].asked;
      curves += runs.length * keys.length;
      if (charts.length && curves > CURVES) break;
      charts.push(waiting.shift());
    }
    underWay++;
    fetched(charts).finally(() => {
      underWay--;
      send();
    });
  }
}

async function fetched(charts) {
  const stop = new AbortController();
  for (const chart of charts) chart.left = () => charts.every(({ signal }) => signal.aborted) && stop.abort();
  try {
    const answers = await series(
      charts.map(({ asked }) => asked),
      { signal: stop.signal },
    );
    charts.forEach(({ resolve }, at) => resolve(answers[at]));
  } catch (error) {
    // One that cannot be answered refuses the others with it: each is asked for alone.
    if (charts.length > 1 && error.status === 400) for (const chart of charts) await fetched([chart]);
    else for (const { reject } of charts) reject(error);
  }
}
