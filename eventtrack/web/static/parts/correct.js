/** Corrections of runs, which undo takes back: another experiment, another value. And signatures, which stay. */
import { html, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { change, get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { ago, moment } from "../lib/format.js";
import { Popup } from "./popup.js";
import { Loaded } from "./states.js";
import { Why } from "./why.js";

/** @param {{what: string, from: string[], onMove: (experimentId: string, children: boolean) => void}} props */
export function MoveForm({ what, from, why, onWhy, onMove }) {
  const [target, setTarget] = useState("");
  const [children, setChildren] = useState(false);
  const asked = useData(["experiments"], (options) => get("experiments", {}, options));
  const send = (event) => {
    event.preventDefault();
    onMove(target, children);
  };
  return html`<${Loaded} asked=${asked}>${({ experiments }) => html`<form class="fields" onSubmit=${send}>
    <label>To <select value=${target} onChange=${(event) => setTarget(event.target.value)}>
      <option value="">choose an experiment</option>
      ${experiments
        .filter((each) => each.lifecycle_stage === "active" && !from.includes(each.experiment_id))
        .map((each) => html`<option key=${each.experiment_id} value=${each.experiment_id}>${each.name}</option>`)}
    </select></label>
    <label class="check"><input type="checkbox" checked=${children}
      onChange=${() => setChildren(!children)} /> with the runs nested in it</label>
    <label>Reason <${Why} value=${why} onWhy=${onWhy} /></label>
    <button disabled=${!target}>Move ${what}</button></form>`}<//>`;
}

export const moveRuns = (ids, target, children, why) =>
  change("runs/move", { run_ids: ids, experiment_id: target, children }, why);

/** The field for another value of a param, opened from its row. */
export function CorrectParam({ runId, name, value, reload }) {
  const [text, setText] = useState(null);
  const [why, setWhy] = useState("");
  const [error, setError] = useState(null);
  if (!writable.value) return null;
  if (text === null)
    return html`<button class="plain" aria-label=${`Correct the param ${name}`} onClick=${() => setText(value)}>✎
      </button>`;
  const save = async (event) => {
    event.preventDefault();
    try {
      await change("runs/correct-param", { run_id: runId, key: name, value: text }, why);
      setText(null);
      setError(null);
      setWhy("");
      reload();
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<form class="bar" onSubmit=${save}>
    <input type="text" aria-label=${`The right value of ${name}`} value=${text} autofocus
      onInput=${(event) => setText(event.target.value)} />
    <${Why} value=${why} onWhy=${setWhy} needed="what was wrong" />
    <button disabled=${text === value || !why.trim()}>Correct</button>
    <button type="button" onClick=${() => setText(null)}>Cancel</button>
    ${error && html`<span class="problem" role="alert">${error.message} ${error.hint || ""}</span>`}</form>`;
}

/** Who vouches for the run as it is, and for whom it has changed since. */
export function Signatures({ info, signatures, reload }) {
  if (!signatures.length && !writable.value) return null;
  return html`<section><h2>Signatures</h2>
    ${signatures.length === 0 && html`<p class="quiet">Nobody has signed this run.</p>`}
    ${
      signatures.length > 0 &&
      html`<table class="list"><tbody>${signatures.map(
        (each) => html`<tr key=${`${each.meaning} ${each.by}`}>
        <td class="name">${each.meaning} by ${each.by}</td>
        <td class=${each.holds ? "holds" : "changed"}>${each.holds ? "holds" : "changed since"}</td>
        <td class="value"><q>${each.reason}</q></td>
        <td class="quiet nowrap" title=${moment(each.signed_ms)}>${ago(each.signed_ms)}</td></tr>`,
      )}</tbody></table>`
    }
    ${writable.value && info.lifecycle_stage === "active" && html`<${Sign} runId=${info.run_id} reload=${reload} />`}
  </section>`;
}

function Sign({ runId, reload }) {
  const [meaning, setMeaning] = useState("reviewed");
  const [why, setWhy] = useState("");
  const [error, setError] = useState(null);
  const send = (close) => async (event) => {
    event.preventDefault();
    try {
      await change("runs/sign", { run_id: runId, meaning }, why);
      setError(null);
      setWhy("");
      close();
      reload();
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<${Popup} label="Sign …" title="Sign this run">${(close) => html`
    <form class="fields" onSubmit=${send(close)}>
      <p>You vouch for the run exactly as it is now. A signature stays on record.</p>
      <label>As <input type="text" maxlength="100" value=${meaning}
        onInput=${(event) => setMeaning(event.target.value)} /></label>
      <label>Reason <${Why} value=${why} onWhy=${setWhy} needed="why you sign" /></label>
      <button disabled=${!meaning.trim() || !why.trim()}>Sign</button>
      ${error && html`<p class="problem" role="alert">${error.message} ${error.hint || ""}</p>`}</form>`}<//>`;
}
