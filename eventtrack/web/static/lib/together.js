/** The requests for curves of the charts of a page: those that come at about the same time go together. */
import { series } from "./api.js";

// How long a request waits for those of other charts, in ms.
const GATHER = 4;
// Curves of one request: the page draws those of one while the server reads those of the next.
const CURVES = 100;

const waiting = [];
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
  let charts = [];
  let curves = 0;
  for (const chart of waiting.splice(0)) {
    if (chart.signal.aborted) continue;
    const more = chart.asked.run_ids.length * chart.asked.keys.length;
    if (charts.length && curves + more > CURVES) {
      fetched(charts);
      [charts, curves] = [[], 0];
    }
    charts.push(chart);
    curves += more;
  }
  if (charts.length) fetched(charts);
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
