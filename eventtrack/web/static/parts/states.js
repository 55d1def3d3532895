/** What stands where data will be, is not, or could not be had. Each says what to do next. */
import { html, useEffect, useState } from "../lib/ui.js";
import { ago } from "../lib/format.js";
import { at, backToNow } from "../lib/past.js";

// A wait, in ms, after which one wonders.
const LATE_MS = 10_000;

/** @param {{what?: string, again?: () => void}} props `again` gives up on the answer and asks anew */
export function Loading({ what = "Loading", again }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<p class="state" role="status">${what} …${
    late && html` The server takes long. ${again && html`<button onClick=${again}>Ask again</button>`}`
  }</p>`;
}

/** A sentence of the server; what it wrote between backticks is to be typed. */
export const Said = ({ text }) =>
  text.split("`").map((part, at) => (at % 2 ? html`<code key=${at}>${part}</code>` : part));

export const Failed = ({ error, retry }) => html`
  <div class="state failed" role="alert">
    <p><strong>${error.message}</strong></p>
    ${error.hint && html`<p><${Said} text=${error.hint} /></p>`}
    ${retry && html`<button onClick=${retry}>Try again</button>`}
  </div>
`;

export const Empty = ({ title, children }) => html`
  <div class="state"><p><strong>${title}</strong></p>${children}</div>
`;

/** How one begins: with the address that these pages have. */
export const First = ({ title }) => html`
  <${Empty} title=${title}>
    <p>In a training program:</p>
    <pre tabindex="0">import mlflow
mlflow.set_tracking_uri("${location.origin}")
mlflow.log_metric("loss", 0.5)</pre>
    <p>What is logged appears here by itself. In a shell, this makes a store to look around in:</p>
    <pre tabindex="0">eventtrack demo</pre>
  <//>
`;

/** What the present knows and the moment that is shown did not. */
export const NotYet = () => html`
  <${Empty} title="This was not there yet."><p>At the moment shown, the store had nothing of this name.</p>
    <button onClick=${backToNow}>Back to now</button><//>
`;

/** One of the three, or what `children` draws from the data. */
export function Loaded({ asked, what, children }) {
  if (at.value && asked.error?.status === 404) return html`<${NotYet} />`;
  if (asked.data !== undefined && !(asked.error && !asked.fresh)) {
    return html`
      ${asked.error && html`<${Failed} error=${asked.error} retry=${asked.reload} />`}
      ${children(asked.data)}
    `;
  }
  if (asked.error) return html`<${Failed} error=${asked.error} retry=${asked.reload} />`;
  return html`<${Loading} what=${what} again=${asked.again} />`;
}

const STATUS = { RUNNING: "running", SCHEDULED: "scheduled", FINISHED: "finished", FAILED: "failed", KILLED: "killed" };

/** What the silence of a running run means; `docs/web-api.md` says how it is judged. */
const LIFE = {
  gone: ["lost", "Its process is gone, and it never said how the run ended"],
  quiet: ["silent", "Nothing was recorded for a while, and its process cannot be seen from here"],
};

/** @param {{status: string, life?: {state: string, last_ms: number}}} props */
export function Status({ status, life }) {
  const [word, why] = (status === "RUNNING" && LIFE[life?.state]) || [STATUS[status] || status, undefined];
  return html`<span class="status" data-status=${status} data-life=${life?.state} title=${
    why && `${why}. Last sign of life: ${ago(life.last_ms)}`
  }><i aria-hidden="true"></i>${word}</span>`;
}
