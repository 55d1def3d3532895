/** Changes of a run: each is one request to MLflow's endpoints, and one entry in its history. */
import { html, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { mlflow } from "../lib/api.js";
import { ago, moment } from "../lib/format.js";
import { Markdown } from "../lib/markdown.js";
import { MoveForm, moveRuns } from "./correct.js";
import { Long, Title } from "./long.js";
import { picturesOf } from "./picture.js";
import { Popup } from "./popup.js";
import { Why } from "./why.js";

/** Runs a change, tells of a refusal, and asks for the run anew; `why` is the field for its reason. */
export function useChange(reload) {
  const [state, setState] = useState({ busy: false, error: null });
  const [reason, setReason] = useState("");
  const change = async (path, body, done = () => {}) => {
    setState({ busy: true, error: null });
    try {
      done(await mlflow.post(path, body, reason));
      setReason("");
      setState({ busy: false, error: null });
      reload();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  const problem =
    state.error && html`<p class="problem" role="alert">${state.error.message} ${state.error.hint || ""}</p>`;
  return { change, problem, busy: state.busy, why: html`<${Why} value=${reason} onWhy=${setReason} />` };
}

const deleted = (info) => info.lifecycle_stage === "deleted";

/** Whether there is anything to change here: by whom it is, when it is, and what it is. */
const editable = (info) => writable.value && !deleted(info);

export function Name({ info, reload }) {
  const [text, setText] = useState(null);
  const { change, problem, busy, why } = useChange(reload);
  if (text === null || !editable(info)) {
    return html`<h1><${Title} text=${info.run_name || info.run_id} /> ${
      editable(info) &&
      html`<button class="plain"
      onClick=${() => setText(info.run_name)}>Rename</button>`
    }</h1>`;
  }
  const save = (event) => {
    event.preventDefault();
    change("runs/update", { run_id: info.run_id, run_name: text }, () => setText(null));
  };
  return html`<form class="bar" onSubmit=${save}>
    <input type="text" aria-label="Name of the run" value=${text} autofocus
      onInput=${(event) => setText(event.target.value)} />${why}
    <button disabled=${busy || !text.trim()}>Save</button>
      <button type="button" onClick=${() => setText(null)}>Cancel</button>${problem}
  </form>`;
}

export function Actions({ info, reload }) {
  const [asked, setAsked] = useState(false);
  const { change, problem, busy, why } = useChange(reload);
  const body = { run_id: info.run_id };
  if (!writable.value) return null;
  if (deleted(info)) {
    return html`<p><button disabled=${busy} onClick=${() => change("runs/restore", body)}>Restore</button></p>
      ${problem}`;
  }
  return html`<p class="bar">${
    asked
      ? html`<span>Delete this run? It can be restored.</span>${why}
        <button class="danger" disabled=${busy}
          onClick=${() => change("runs/delete", body, () => setAsked(false))}>Delete</button>
        <button onClick=${() => setAsked(false)}>Cancel</button>`
      : html`<${Move} info=${info} reload=${reload} />
        <button onClick=${() => setAsked(true)}>Delete …</button>`
  }</p>${problem}`;
}

function Move({ info, reload }) {
  const [why, setWhy] = useState("");
  const [error, setError] = useState(null);
  const move = (close) => async (target, children) => {
    try {
      await moveRuns([info.run_id], target, children, why);
      setError(null);
      close();
      reload();
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<${Popup} label="Move …" title="Move this run into another experiment">${(close) => html`
    <${MoveForm} what="this run" from=${[info.experiment_id]} why=${why} onWhy=${setWhy} onMove=${move(close)} />
    ${error && html`<p class="problem" role="alert">${error.message} ${error.hint || ""}</p>`}`}<//>`;
}

/** Says that nobody runs a running run any more; the status is changed by whoever reads it. */
export function Lost({ info, reload }) {
  const { change, problem, busy } = useChange(reload);
  if (info.status !== "RUNNING" || info.life?.state !== "gone" || deleted(info)) return null;
  const { pid, host, last_ms } = info.life;
  return html`<div class="state failed" role="status">
    <p><strong>No sign of life since ${moment(last_ms)} (${ago(last_ms)}): process ${pid} on ${host} is gone.</strong>
      </p>
    <p>It still counts as running, for it never said how it ended. All that it logged until then is here.</p>
    ${
      editable(info) &&
      html`<button disabled=${busy}
      onClick=${() => change("runs/update", { run_id: info.run_id, status: "KILLED", end_time: last_ms })}
      >Mark as killed</button>`
    }${problem}</div>`;
}

export function Note({ info, text, reload }) {
  const [draft, setDraft] = useState(null);
  const field = useRef();
  // Letters typed elsewhere are shortcuts: whoever wants to write may begin at once.
  useLayoutEffect(() => field.current?.focus(), [draft !== null]);
  const { change, problem, busy, why } = useChange(reload);
  const save = (event) => {
    event.preventDefault();
    change("runs/set-tag", { run_id: info.run_id, key: "mlflow.note.content", value: draft }, () => setDraft(null));
  };
  if (draft !== null && editable(info)) {
    return html`<form onSubmit=${save}>
      <textarea aria-label="Note, in Markdown" ref=${field} value=${draft}
        onInput=${(event) => setDraft(event.target.value)}></textarea>
      <p class="bar"><button disabled=${busy}>Save</button>
        <button type="button" onClick=${() => setDraft(null)}>Cancel</button>${why}
        <span class="quiet">Markdown; HTML stays text</span></p>${problem}</form>`;
  }
  return html`
    ${text && html`<${Markdown} text=${text} image=${picturesOf(info.run_id)} />`}
    ${
      editable(info) &&
      html`<button onClick=${() => setDraft(text)}>
      ${text ? "Edit the note" : "Write a note"}</button>`
    }
  `;
}

/** Tags that trackers keep for themselves; they are in the table, behind a switch. */
const theirs = (key) => key.startsWith("mlflow.") || key.startsWith("eventtrack.");

export function TagEditor({ info, tags, reload }) {
  const [all, setAll] = useState(false);
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const { change, problem, busy, why } = useChange(reload);
  const [find, setFind] = useState("");
  const listed = Object.entries(tags).filter(([name]) => all || !theirs(name));
  const shown = listed.filter((pair) => pair.join(" ").toLowerCase().includes(find.toLowerCase()));
  const hidden = Object.keys(tags).filter(theirs).length;
  const add = (event) => {
    event.preventDefault();
    change("runs/set-tag", { run_id: info.run_id, key: key.trim(), value }, () => {
      setKey("");
      setValue("");
    });
  };
  return html`
    ${
      listed.length > 8 &&
      html`<p>
      <input type="search" placeholder="Find tags" aria-label="Find tags" value=${find}
      onInput=${(event) => setFind(event.target.value)} /></p>`
    }
    <table class="list"><tbody>${shown.map(
      ([name, text]) => html`<tr key=${name}>
      <td class="name">${name}</td><td class="value"><${Long} text=${text} /></td>
      <td class="num nowrap">${
        editable(info) &&
        !theirs(name) &&
        html`<button class="plain" aria-label=${`Change the tag ${name}`}
        onClick=${() => (setKey(name), setValue(text), document.getElementById("tag-value")?.focus())}>✎</button>
          <button class="plain" disabled=${busy} aria-label=${`Remove the tag ${name}`}
        onClick=${() => change("runs/delete-tag", { run_id: info.run_id, key: name })}>×</button>`
      }</td></tr>`,
    )}
    </tbody></table>
    ${
      editable(info) &&
      html`<form class="bar" onSubmit=${add}>
      <input type="text" placeholder="tag" aria-label="Name of a tag" value=${key}
        onInput=${(event) => setKey(event.target.value)} />
      <input type="text" placeholder="value" id="tag-value" aria-label="Value of the tag" value=${value}
        onInput=${(event) => setValue(event.target.value)} />${why}
      <button disabled=${busy || !key.trim()}>Set tag</button></form>`
    }
    ${problem}
    ${
      hidden > 0 &&
      html`<label class="check quiet">
      <input type="checkbox" checked=${all} onChange=${() => setAll(!all)} /> system tags (${hidden})</label>`
    }
  `;
}
