/** Requests to the server, and what its refusals say. */
import { at, pending } from "./past.js";

const OWN = "/api/eventtrack/1/";
const MLFLOW = "/api/2.0/mlflow/";

/** A refusal: `message` says what is wrong, `hint` what to do next. */
export class Refusal extends Error {
  constructor(message, hint, status) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

let hear = () => {};

/** Call `tell` with the server's words when it takes no token of this page any more. */
export const onRefusedToken = (tell) => (hear = tell);

/** An error of the network as the pages tell it; others stay as they are. */
const silence = (error) =>
  error instanceof TypeError
    ? new Refusal(
        "The server does not answer.",
        "If it has ended, `eventtrack ui` or `eventtrack server` starts it again.",
        0,
      )
    : error;

async function ask(path, options = {}) {
  let answer;
  try {
    // The header keeps browsers from asking for a password in a window of their own.
    answer = await fetch(path, { ...options, headers: { ...options.headers, "x-requested-with": "eventtrack" } });
  } catch (error) {
    throw silence(error);
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const message = said.message || `The server answered ${answer.status}.`;
  if (answer.status === 401) hear(message);
  throw new Refusal(message, said.hint, answer.status);
}

/** The body of an answer: its `json`, or its bytes as an `arrayBuffer`. It may break off on the way. */
async function read(path, options, kind = "json") {
  const answer = await ask(path, options);
  try {
    return await answer[kind]();
  } catch (error) {
    throw silence(error);
  }
}

function query(fields = {}) {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((part) => [name, part])
      : value === undefined || value === ""
        ? []
        : [[name, value]],
  );
  return new URLSearchParams(pairs).toString();
}

/** The header with the reason for a change, if the reason says something. */
const explained = (reason) => (reason?.trim() ? { "x-eventtrack-reason": encodeURIComponent(reason.trim()) } : {});

const sent = (body, reason) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...explained(reason) },
  body: JSON.stringify(body),
});

/** Reads are of the moment that the page shows, unless they name another (`at: ""` is now). */
const dated = (fields) => ({ ...(at.value && { at: at.value }), ...fields });

/** What `work` comes to; counted until then when it asks about the past. */
async function counted(fields, work) {
  if (!fields.at) return work();
  pending.value++;
  try {
    return await work();
  } finally {
    pending.value--;
  }
}

export const get = (path, fields = {}, options) => {
  const asked = dated(fields);
  return counted(asked, () => read(`${OWN}${path}?${query(asked)}`, options));
};

export const post = (path, body, options) => {
  const asked = dated(body);
  return counted(asked, () => read(`${OWN}${path}`, { ...sent(asked), ...options }));
};

/** A change that MLflow has no request for. */
export const change = (path, body, reason) => read(`${OWN}${path}`, sent(body, reason));

/** MLflow's own endpoints: changes above all, so that there is one way to make them. */
export const mlflow = {
  get: (path, fields) => read(`${MLFLOW}${path}?${query(fields)}`),
  post: (path, body, reason) => read(`${MLFLOW}${path}`, sent(body, reason)),
  post3: (path, body) => read(`/api/3.0/mlflow/${path}`, sent(body)),
};

const ofRun = (what, fields) => `${OWN}${what}?${query(dated(fields))}`;

/** Where a file of a run is at the moment that is shown: the file, a page for a frame, a folder as ZIP. */
export const artifactUrl = (runId, path) => ofRun("file", { run_id: runId, path });
export const pageUrl = (runId, path) => ofRun("page", { run_id: runId, path });
export const folderUrl = (runId, path) => ofRun("folder", { run_id: runId, path });

/** All points of some metrics of some runs, as CSV. */
export const curvesUrl = (runIds, keys) => ofRun("curves", { run_ids: runIds, keys });

/** Bytes of a run's file; `range` as HTTP has it: `0-99`, or `-100` for the last ones. */
export const artifact = async (runId, path, range) =>
  // A browser's cache puts parts of the old file beside parts of the new one.
  ask(artifactUrl(runId, path), { cache: "no-store", headers: range ? { range: `bytes=${range}` } : {} });

export const mediaUrl = (runId, sha256) => `${OWN}media?${query({ run_id: runId, sha256 })}`;

/**
 * Curves for some charts, as typed arrays over the answer's own bytes; of each chart `next` says where to go on,
 * null when all are there. An answer is bounded: `next` is where a chart began if it has no part of it.
 * @returns {Promise<{low: number, high: number, width: number, next: number | null, series: Curve[]}[]>}
 * @typedef {{run_id: string, key: string, points: number, width: number, x: Float64Array, y: Float64Array,
 *   fork: number | null, smooth: {x: Float64Array, y: Float64Array} | null}} Curve
 */
export async function series(charts, options) {
  const of = charts.map(dated);
  const bytes = await counted(of[0], () => read(`${OWN}series`, { ...sent(of), ...options }, "arrayBuffer"));
  const answers = [];
  for (let place = 0; place < bytes.byteLength; ) {
    const length = new DataView(bytes).getUint32(place, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, place + 4, length)));
    const start = Math.ceil((place + 4 + length) / 8) * 8;
    const parts = header.series.flatMap((curve) => (curve.smooth ? [curve, curve.smooth] : [curve]));
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    const [x, y] = [new Float64Array(bytes, start, count), new Float64Array(bytes, start + 8 * count, count)];
    for (const part of parts) {
      part.x = x.subarray(part.start, part.start + part.count);
      part.y = y.subarray(part.start, part.start + part.count);
    }
    answers.push(header);
    place = start + 16 * count;
  }
  return answers;
}

/**
 * What some runs of some groups come to (see `POST bands` in docs/web-api.md); `next` says how many runs are in it,
 * null for all of them.
 * @returns {Promise<{low: number | null, high: number | null, width: number, step: number, next: number | null,
 *   bands: (import("./bands.js").Band & {group: number, key: string})[]}>}
 */
export async function bands(asked, options) {
  const of = dated(asked);
  const bytes = await counted(of, () => read(`${OWN}bands`, { ...sent(of), ...options }, "arrayBuffer"));
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let start = Math.ceil((4 + length) / 8) * 8;
  for (const band of header.bands) {
    band.rows = Array.from({ length: header.rows }, () => {
      start += 8 * band.count;
      return new Float64Array(bytes, start - 8 * band.count, band.count);
    });
  }
  return header;
}
