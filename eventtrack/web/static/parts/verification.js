/** Up to where the log was verified, and a button that does it now. Nothing is claimed unchecked. */
import { html, useEffect, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { get, post } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, moment, number } from "../lib/format.js";
import { Failed, Loaded } from "./states.js";

const ASK_EVERY_MS = 400;

export function Verification() {
  const asked = useData(["verification"], (options) => get("verification", { at: "" }, options), { always: true });
  const [refused, setRefused] = useState(null);
  useEffect(() => {
    if (!asked.data?.running) return undefined;
    const timer = setTimeout(asked.reload, ASK_EVERY_MS);
    return () => clearTimeout(timer);
  }, [asked.data]);
  const begin = () => post("verify", {}).then(asked.reload, setRefused);
  return html`<section aria-label="Verification"><h2>Verification</h2>
    <${Loaded} asked=${asked}>${(found) => html`
      <p class="bar"><${Badge} found=${found} />
        ${writable.value && html`<button disabled=${found.running} onClick=${begin}>Verify now</button>`}</p>
      ${
        found.problems.length > 0 &&
        html`<ul class="problem">${found.problems.map((problem) => html`<li>${problem}</li>`)}</ul>
        <p><code>eventtrack verify</code> says what to do.</p>`
      }
      ${found.failed && html`<p class="problem" role="alert">The last look came to no end: ${found.failed}</p>`}`}<//>
    ${refused && html`<${Failed} error=${refused} />`}
    <p class="quiet">Reads the whole log: every hash, every feed's order, every Merkle root.
      Whether others signed the same history, <code>eventtrack audit</code> tells.</p>
  </section>`;
}

function Badge({ found }) {
  const when = html`<span title=${moment(found.finished_ms)}>${ago(found.finished_ms)}</span>`;
  if (found.running)
    return html`<span role="status">Verifying: ${
      found.total ? `${number(found.done)} of ${number(found.total)}` : "beginning"
    } …</span>`;
  if (found.problems.length)
    return html`<span class="status" data-status="FAILED" role="alert"><i aria-hidden="true"></i>
      ${number(found.problems.length)} problem${found.problems.length === 1 ? "" : "s"} found ${when}</span>`;
  if (found.verified !== null)
    return html`<span class="status" data-status="FINISHED" role="status">
      <i aria-hidden="true"></i>verified up to position ${number(found.verified)}, ${when}</span>`;
  return html`<span class="quiet">Not verified since this server started.</span>`;
}
