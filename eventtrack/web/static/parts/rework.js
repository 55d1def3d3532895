/** Which points and items count for a run: rewind, withdraw, fork and merge. Undo takes all of them back but a fork. */
import { html, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { change, get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { forkedOf } from "../lib/forked.js";
import { count, naturally } from "../lib/format.js";
import { go, link } from "../lib/route.js";
import { Popup } from "./popup.js";
import { Loaded } from "./states.js";
import { Why } from "./why.js";

const MERGED_MAX = 20;

/** Everything above a step no longer counts. */
export const rewind = (runId, step, why) => change("withdraw", { run_id: runId, first_step: step + 1 }, why);

/** The page's own menu of what can be done with a run's points. */
export function Rework({ run, reload }) {
  if (!writable.value || run.info.lifecycle_stage === "deleted") return null;
  const keys = [...new Set([...run.metrics, ...run.series].map((each) => each.key))].sort(naturally);
  const forms = { runId: run.info.run_id, keys, reload };
  return html`<p class="bar" role="group" aria-label="Points of this run">
    <${Popup} label="Rewind …" title="Rewind this run">${(close) => html`
      <${RewindForm} ...${forms} close=${close} />`}<//>
    <${Popup} label="Fork …" title="Fork this run">${(close) => html`<${ForkForm} ...${forms} close=${close} />`}<//>
    <${Popup} label="Merge …" title="Merge another run into this run">${(close) => html`
      <${MergeForm} ...${forms} close=${close} />`}<//>
    <${Popup} label="Withdraw …" title="Withdraw points of this run">${(close) => html`
      <${WithdrawForm} ...${forms} close=${close} />`}<//></p>`;
}

/** Where a run's points come from beside itself, in words with links; nothing for most runs. */
export function Sources({ tags, merged }) {
  const { parent, step } = forkedOf(tags["eventtrack.forkedFrom"]) || {};
  const runLink = (runId) => html`<a class="mono" href=${link(["runs", runId])}>${runId.slice(0, 8)}</a>`;
  if (!parent && !merged.length) return null;
  return html`${
    parent &&
    html`<dt>Forked from</dt><dd>${runLink(parent)} ${step === undefined ? "with all steps" : `at step ${step}`}:${" "}
      curves and series begin with those of that run</dd>`
  }${
    merged.length > 0 &&
    html`<dt>Merged in</dt><dd>${merged.map((runId) => html`${runLink(runId)} `)} whose points, series and files count
      here, too</dd>`
  }`;
}

/** A form that makes one change: it closes, or says why it was refused. */
function Form({ act, words, ready, needed, danger, send, onDone, children }) {
  const [why, setWhy] = useState("");
  const [state, setState] = useState({ busy: false, error: null });
  const submit = async (event) => {
    event.preventDefault();
    setState({ busy: true, error: null });
    try {
      onDone(await send(why));
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return html`<form class="fields" onSubmit=${submit}>
    <p>${words}</p>${children}
    <label>Reason <${Why} value=${why} onWhy=${setWhy} needed=${needed} /></label>
    <button class=${danger ? "danger" : ""} disabled=${!ready || state.busy}>${act}</button>
    ${state.error && html`<p class="problem" role="alert">${state.error.message} ${state.error.hint || ""}</p>`}
  </form>`;
}

const whole = (text) => /^\s*-?\d{1,15}\s*$/.test(text);

const Step = ({ label, value, onStep, placeholder }) => html`<label>${label} <input type="text" inputmode="numeric"
  value=${value} placeholder=${placeholder} onInput=${(event) => onStep(event.target.value)} /></label>`;

function RewindForm({ runId, reload, close }) {
  const [step, setStep] = useState("");
  const onDone = () => [close(), reload()];
  const send = (why) => rewind(runId, Number(step), why);
  return html`<${Form} act="Rewind" ready=${whole(step)} send=${send} onDone=${onDone}
    words="Points and items with a greater step no longer count, and new ones may follow. Undo brings them back.">
    <${Step} label="To step" value=${step} onStep=${setStep} /><//>`;
}

function WithdrawForm({ runId, keys, reload, close }) {
  const [asked, setAsked] = useState({ key: "", first: "", last: "" });
  const set = (field) => (value) => setAsked({ ...asked, [field]: value });
  const { key, first, last } = asked;
  const send = (why) =>
    change(
      "withdraw",
      {
        run_id: runId,
        keys: [key],
        ...(first.trim() && { first_step: Number(first) }),
        ...(last.trim() && { last_step: Number(last) }),
      },
      why,
    );
  const ready = key && [first, last].every((text) => !text.trim() || whole(text));
  return html`<${Form} act="Withdraw" danger ready=${ready} send=${send} onDone=${() => [close(), reload()]}
    words="These points no longer count: both steps are included. Undo brings them back.">
    <label>Of <select value=${key} onChange=${(event) => set("key")(event.target.value)}>
      <option value="">choose a metric or series</option>
      ${keys.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select></label>
    <${Step} label="From step" value=${first} placeholder="the first" onStep=${set("first")} />
    <${Step} label="To step" value=${last} placeholder="the last" onStep=${set("last")} /><//>`;
}

function ForkForm({ runId, close }) {
  const [step, setStep] = useState("");
  const [name, setName] = useState("");
  const [kept, setKept] = useState({ params: true, tags: true });
  const send = (why) =>
    change(
      "runs/fork",
      {
        run_id: runId,
        ...(step.trim() && { step: Number(step) }),
        ...(name.trim() && { run_name: name.trim() }),
        without_params: !kept.params,
        without_tags: !kept.tags,
      },
      why,
    );
  const onDone = (answer) => {
    close();
    go(["runs", answer.run_id]);
  };
  return html`<${Form} act="Fork" ready=${!step.trim() || whole(step)} send=${send} onDone=${onDone}
    words="A new run that begins with the points and items of this run, whatever becomes of it. Nothing is copied.">
    <${Step} label="At step" value=${step} placeholder="all steps" onStep=${setStep} />
    <label>Name <input type="text" value=${name} placeholder="a random name"
      onInput=${(event) => setName(event.target.value)} /></label>
    ${["params", "tags"].map(
      (what) => html`<label class="check"><input type="checkbox" checked=${kept[what]}
        onChange=${() => setKept({ ...kept, [what]: !kept[what] })} /> with its ${what}</label>`,
    )}<//>`;
}

function MergeForm({ runId, reload, close }) {
  const [other, setOther] = useState("");
  const send = (why) => change("runs/merge", { run_id: runId, other_run_id: other.trim() }, why);
  return html`<${Form} act="Merge" ready=${other.trim()} send=${send} onDone=${() => [close(), reload()]}
    words="Points, items and files of the other run count for this run, too, also those that come later.">
    <label>Run id <input type="text" class="mono" value=${other}
      onInput=${(event) => setOther(event.target.value)} /></label><//>`;
}

/** What can be done with the points of the selected runs: a rewind of each, or a merge of all. */
export function PointsMany({ what, several, why, onWhy, onRewind, resolve, onMerged }) {
  const [act, setAct] = useState("Rewind");
  const choice = (name, disabled) => html`<label class="check"><input type="radio" name="act" checked=${act === name}
    disabled=${disabled} onChange=${() => setAct(name)} /> ${name}</label>`;
  return html`<div class="bar">${choice("Rewind")} ${choice("Merge", !several)}</div>
    ${
      act === "Merge"
        ? html`<${MergeMany} resolve=${resolve} onDone=${onMerged} />`
        : html`<${RewindMany} what=${what} why=${why} onWhy=${onWhy} onRewind=${onRewind} />`
    }`;
}

/** A step for all selected runs, and the reason. */
function RewindMany({ what, why, onWhy, onRewind }) {
  const [step, setStep] = useState("");
  const send = (event) => {
    event.preventDefault();
    onRewind(Number(step));
  };
  return html`<form class="fields" onSubmit=${send}>
    <p>Points and items with a greater step no longer count. Undo brings them back.</p>
    <${Step} label="To step" value=${step} onStep=${setStep} />
    <label>Reason <${Why} value=${why} onWhy=${onWhy} /></label>
    <button disabled=${!whole(step)}>Rewind ${what}</button></form>`;
}

/** Which of the selected runs goes on; the others are merged into it. */
function MergeMany({ resolve, onDone }) {
  const asked = useData(["merged"], async (options) => {
    const ids = (await resolve()).slice(0, MERGED_MAX + 1);
    const runs = await Promise.all(ids.map((id) => get("run", { run_id: id, at: "" }, options)));
    return runs.map((run) => run.info).sort((a, b) => a.start_time - b.start_time);
  });
  return html`<${Loaded} asked=${asked}>${(infos) => html`<${MergeInto} infos=${infos} onDone=${onDone} />`}<//>`;
}

function MergeInto({ infos, onDone }) {
  const [first, setFirst] = useState(infos[0]?.run_id);
  const send = async (why) => {
    for (const { run_id } of infos)
      if (run_id !== first) await change("runs/merge", { run_id: first, other_run_id: run_id }, why);
  };
  if (infos.length > MERGED_MAX) return html`<p>Up to ${count(MERGED_MAX, "run")} are merged at once.</p>`;
  return html`<${Form} act=${`Merge ${count(infos.length, "run")}`} ready=${first} send=${send} onDone=${onDone}
    words="Points, items and files of the other runs count for one of them, too. Nothing is copied or deleted.">
    <label>Into <select value=${first} onChange=${(event) => setFirst(event.target.value)}>
      ${infos.map(
        ({ run_id, run_name }) =>
          html`<option key=${run_id} value=${run_id}>${run_name || "unnamed"} ${run_id.slice(0, 8)}</option>`,
      )}</select></label><//>`;
}
