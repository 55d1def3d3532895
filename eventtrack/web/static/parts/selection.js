/** What can be done with the runs that are selected: compare, tag, move, delete, restore. */
import { html, useState } from "../lib/ui.js";
import { mlflow } from "../lib/api.js";
import { count, number } from "../lib/format.js";
import { go } from "../lib/route.js";
import { writable } from "../lib/access.js";
import { COMPARED_MAX } from "./differences.js";
import { MoveForm, moveRuns } from "./correct.js";
import { Popup } from "./popup.js";
import { PointsMany, rewind } from "./rework.js";
import { Why } from "./why.js";

const AT_ONCE = 4;

const restore = (id) => mlflow.post("runs/restore", { run_id: id });

/** One request for each run, a few at once. Goes on after a refusal, and tells of the first. */
export async function forEachRun(ids, change, tell) {
  const left = [...ids];
  const refused = [];
  let done = 0;
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      await change(id).catch((error) => refused.push(error));
      tell(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return refused;
}

/**
 * @param {object} props
 * @param {import("../lib/picked.js").Picked} props.picked
 * @param {object} props.asked the question of the table, for the runs that were never in sight
 * @param {(cleared: boolean, done: {text: string, undo?: () => Promise<unknown>} | null) => void} props.onDone
 *   whether the runs are to be selected no more, and what was done, if all went well
 */
export function Selection({ picked, asked, experimentId, view, onDone, onClear }) {
  const [state, setState] = useState({ busy: "", error: "" });
  const [why, setWhy] = useState("");
  const none = !picked.size;
  const what = count(picked.size, "run");
  const idsOf = (doing) => {
    setState({ busy: `${doing} …`, error: "" });
    return picked.resolved(asked);
  };
  const all = async (doing, change, cleared, done, back) => {
    const ids = await idsOf(doing).catch((error) => [error]);
    if (ids[0] instanceof Error) return setState({ busy: "", error: `Nothing was changed: ${ids[0].message}` });
    const refused = await forEachRun(ids, change, (many) =>
      setState({ busy: `${doing}: ${number(many)} of ${number(ids.length)}`, error: "" }),
    );
    const [first] = refused;
    setState({
      busy: "",
      error: first
        ? `${number(refused.length)} of ${what} could not be changed: ${first.message} ${first.hint || ""}`
        : "",
    });
    setWhy("");
    const undo = back && (() => forEachRun(ids, back, () => {}));
    onDone(cleared && !first, first ? null : { text: `${count(ids.length, "run")} ${done}.`, undo });
  };
  const move = async (target, children) => {
    const moved = idsOf("Moving").then((ids) => moveRuns(ids, target, children, why));
    const refused = await moved.then(
      () => null,
      (error) => error,
    );
    setState({ busy: "", error: refused ? `Nothing was moved: ${refused.message} ${refused.hint || ""}` : "" });
    if (!refused) setWhy("");
    onDone(!refused, refused ? null : { text: `${what} moved.` });
  };
  const busy = state.busy !== "";
  return html`
    <span class="actions" role="group" aria-label="With the selected runs">
      <button disabled=${picked.size < 2 || picked.size > COMPARED_MAX} title=${
        picked.size > COMPARED_MAX ? `Up to ${COMPARED_MAX} runs are compared at once` : ""
      }
        onClick=${async () => go(["compare"], { runs: (await picked.resolved(asked)).join(",") })}>Compare</button>
      ${
        writable.value &&
        html`
        <${Popup} label="Tag" title="Tag the selected runs" disabled=${none || busy}>${(close) => html`
          <${TagForm} what=${what} why=${why} onWhy=${setWhy} onTag=${(key, value) => {
            close();
            all("Tagging", (id) => mlflow.post("runs/set-tag", { run_id: id, key, value }, why), false, "tagged");
          }} />`}<//>
        ${
          view !== "DELETED_ONLY" &&
          html`<${Popup} label="Move" title="Move the selected runs" disabled=${none || busy}>${(close) => html`
          <${MoveForm} what=${what} from=${[experimentId]} why=${why} onWhy=${setWhy} onMove=${(target, children) => {
            close();
            move(target, children);
          }} />`}<//>
          <${Popup} label="Points" title="Points of the selected runs" disabled=${none || busy}>${(close) => html`
          <${PointsMany} what=${what} several=${picked.size > 1} why=${why} onWhy=${setWhy}
            resolve=${() => picked.resolved(asked)}
            onRewind=${(step) => {
              close();
              all("Rewinding", (id) => rewind(id, step, why), false, "rewound");
            }}
            onMerged=${() => {
              close();
              onDone(false, null);
            }} />`}<//>
          <${Popup} label="Delete" title="Delete the selected runs" disabled=${none || busy}>${(close) => html`
          <p>Delete ${what}? Nothing is lost: deleted runs can be restored.</p>
          <p><${Why} value=${why} onWhy=${setWhy} /></p>
          <p class="bar"><button class="danger" onClick=${() => {
            close();
            all("Deleting", (id) => mlflow.post("runs/delete", { run_id: id }, why), true, "deleted", restore);
          }}>Delete ${what}</button>
            <button onClick=${close}>Cancel</button></p>`}<//>`
        }
        ${
          view !== "" &&
          html`<button disabled=${none || busy}
          onClick=${() => all("Restoring", restore, true, "restored")}>Restore
          </button>`
        }`
      }
      <button disabled=${none} onClick=${onClear}>Clear</button>
      <span class="quiet" role="status">${state.busy}</span>
      ${state.error && html`<span class="problem" role="alert">${state.error}</span>`}
    </span>
  `;
}

function TagForm({ what, why, onWhy, onTag }) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const send = (event) => {
    event.preventDefault();
    onTag(key.trim(), value);
  };
  return html`<form class="fields" onSubmit=${send}>
    <label>Tag <input type="text" value=${key} onInput=${(event) => setKey(event.target.value)} /></label>
    <label>Value <input type="text" value=${value} onInput=${(event) => setValue(event.target.value)} /></label>
    <label>Reason <${Why} value=${why} onWhy=${onWhy} /></label>
    <button disabled=${!key.trim()}>Tag ${what}</button></form>`;
}
