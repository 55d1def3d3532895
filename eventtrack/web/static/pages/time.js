/** What changed between two moments, and how much happened when. All of it stands in the address. */
import { html, useEffect, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { backToNow, at } from "../lib/past.js";
import { link, route, setQuery } from "../lib/route.js";
import { moment, number, said } from "../lib/format.js";
import { Author } from "../parts/history.js";
import { momentOf } from "../parts/moment.js";
import { Because } from "../parts/why.js";
import { density, ends, Strip } from "../parts/strip.js";
import { Empty, Failed, Loaded, Loading } from "../parts/states.js";

const BUCKETS = 600;
const CHANGES = 1000;
const GROUPS = [
  ["experiment", "Experiments"],
  ["run", "Runs"],
  ["model", "Logged models"],
  ["registered-model", "Registered models"],
];
const POSITION = /^\d+$/;

export function Time() {
  const { by = "position" } = route.value.query;
  const asked = useData(
    ["density of time", by],
    async (options) => {
      const [strip, about] = await density(by, BUCKETS, options);
      return { strip, head: about.position };
    },
    { always: true },
  );
  useLive(() => true, asked.reload, 2000);
  return html`<main>
    <h1>History</h1>
    <${Loaded} asked=${asked} what="Counting events">${(data) =>
      data.head === 0
        ? html`<${Empty} title="Nothing has happened yet.">
          <p>What is logged stands here by when it was recorded.</p><//>`
        : html`<${Between} ...${data} by=${by} />`}<//>
  </main>`;
}

function Between({ strip, head, by }) {
  const { a = "", b = "" } = route.value.query;
  const [low, high] = ends(strip, by, head);
  const written = (value) => (by === "position" ? String(value) : new Date(value).toISOString());
  const place = (text, otherwise) =>
    !text
      ? otherwise
      : by === "position"
        ? POSITION.test(text)
          ? Number(text)
          : otherwise
        : POSITION.test(text)
          ? otherwise
          : Date.parse(text) || otherwise;
  const [from, to] = [place(a, low), place(b, high)];
  const newest = strip.latest_ms.filter(Boolean);
  const rename = (event) => setQuery({ by: event.target.value === "time" ? "time" : "", a: "", b: "" }, { push: true });
  return html`
    <div class="bar">
      <label class="check">along <select value=${by} onChange=${rename}>
        <option value="position">events, as they arrived here</option>
          <option value="time">the clock, as they were recorded</option></select></label>
      <span class="quiet">${number(strip.events)} event${strip.events === 1 ? "" : "s"},
        ${" "}${moment(Math.min(...newest))} to ${moment(Math.max(...newest))}</span>
    </div>
    <div class="strip large">
      <${Strip} strip=${strip} from=${Math.min(from, to)} to=${Math.max(from, to) + (by === "time" ? 1 : 0)} />
      ${[
        ["a", "A", from],
        ["b", "B", to],
      ].map(
        ([name, label, value]) => html`<input key=${name} type="range" class=${name} aria-label=${`Moment ${label}`}
        min=${low} max=${high} value=${value}
          onInput=${(event) =>
            setQuery({
              [name]: Number(event.target.value) >= high && name === "b" ? "" : written(Number(event.target.value)),
            })} />`,
      )}
    </div>
    <div class="bar">
      <${Written} name="a" label="A" text=${a} otherwise=${written(low)} />
      <${Written} name="b" label="B" text=${b} otherwise="now" />
      <button onClick=${() => setQuery({ a: b || "now", b: a || written(low) }, { push: true })}
        title="A becomes B, and B becomes A">Swap</button>
      ${at.value && html`<button onClick=${backToNow}>Back to now</button>`}
    </div>
    <${Diff} older=${a || written(low)} newer=${b || "now"} />
  `;
}

/** A moment as text, for whoever knows it: a position, a time, or now. */
function Written({ name, label, text, otherwise }) {
  const [draft, setDraft] = useState(null); // null: nothing is being written
  const [error, setError] = useState(null);
  const send = async (event) => {
    event.preventDefault();
    const words = draft?.trim();
    setError(null);
    if (draft === null) return;
    try {
      setQuery({ [name]: words && ((await momentOf(words)) || "now") }, { push: true });
      setDraft(null);
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<form class="check" onSubmit=${send}><label class="check"><strong>${label}</strong>
    <input type="text" aria-label=${`Moment ${label}, written`} placeholder=${otherwise}
      title="A time such as yesterday, 7d or 2026-05-03 14:00; now; or a position of the log" spellcheck="false"
      value=${draft ?? text} onInput=${(event) => setDraft(event.target.value)} onBlur=${send} /></label>
    <a href=${link([], { at: text === "now" ? "" : text || (otherwise === "now" ? "" : otherwise) })}>open</a>
    ${error && html`<span class="problem" role="alert">${error.message}. ${error.hint}</span>`}</form>`;
}

/** While a handle is dragged the newest pair alone is asked for: what it overtakes is aborted. */
function useSettled(value, pause = 150) {
  const text = JSON.stringify(value);
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), pause);
    return () => clearTimeout(timer);
  }, [text]);
  return JSON.parse(settled);
}

function Diff({ older, newer }) {
  const { only = "" } = route.value.query;
  const pair = useSettled([older, newer]);
  const asked = useData(
    ["diff", ...pair],
    (options) => get("diff", { older: pair[0], newer: pair[1], limit: CHANGES, at: "" }, options),
    { always: true },
  );
  useLive(() => newer === "now", asked.reload, 2000);
  if (asked.error) return html`<${Failed} error=${asked.error} retry=${asked.reload} />`;
  if (!asked.data) return html`<${Loading} what="Comparing" />`;
  const { changes, more, names } = asked.data;
  const kinds = GROUPS.map(([kind, title]) => [
    kind,
    title,
    bySubject(changes.filter((change) => kindOf(change.subject) === kind)),
  ]);
  const others = bySubject(changes.filter((change) => !GROUPS.some(([kind]) => kindOf(change.subject) === kind)));
  const groups = [...kinds, ["other", "Other", others]].filter(([, , found]) => found.length);
  return html`
    <div class="bar" role="group" aria-label="What to show" aria-busy=${asked.loading}>
      <strong>Diff A – B</strong>
      <span class="quiet" aria-live="polite">
        ${number(changes.length)} change${changes.length === 1 ? "" : "s"}${
          more ? " and more: choose moments that are nearer" : ""
        }</span>
      ${
        groups.length > 1 &&
        groups.map(
          ([kind, title, found]) => html`<button key=${kind}
        aria-pressed=${only === kind} onClick=${() => setQuery({ only: only === kind ? "" : kind }, { push: true })}>
        ${title} ${number(found.length)}</button>`,
        )
      }
    </div>
    ${
      !changes.length &&
      html`<${Empty} title="Nothing differs between these two moments.">
      <p>Move A or B apart.</p><//>`
    }
    ${groups
      .filter(([kind]) => !only || only === kind)
      .map(
        ([kind, title, found]) => html`<section key=${kind} aria-label=${title}><h2>${title}</h2>
      ${found.map(
        ([subject, all]) => html`<${Subject} key=${subject} subject=${subject} name=${names[subject]}
        changes=${all} newer=${newer} />`,
      )}</section>`,
      )}
  `;
}

const kindOf = (subject) => subject.split("/")[0];

function bySubject(changes) {
  const subjects = new Map();
  for (const change of changes) subjects.set(change.subject, [...(subjects.get(change.subject) || []), change]);
  return [...subjects];
}

// More facts of one subject than this are folded away.
const FACTS = 12;

function Subject({ subject, name, changes, newer }) {
  const [all, setAll] = useState(false);
  const renamed = changes.find((change) => change.fact === "name" || change.fact === "run_name");
  const called = name ?? renamed?.after ?? renamed?.before;
  const [kind, ...rest] = subject.split("/");
  const then = { at: newer === "now" ? "" : newer };
  const path = kind === "run" ? ["runs", ...rest] : kind === "experiment" ? ["experiments", ...rest] : null;
  const born = changes.some((change) => change.fact === "lifecycle" && change.kind === "added");
  const shown = all ? changes : changes.slice(0, FACTS);
  return html`
    <div class="change">
      <div class="head"><strong>${
        path
          ? html`<a href=${link(path, then)}>
        ${called || rest.join("/")}</a>`
          : called || subject
      }</strong>
        ${born && html`<span>new</span>`}<code>${subject}</code></div>
      <div class="scroll" tabindex="0"><table class="list"><thead class="unseen"><tr><th>Fact</th>
        <th>Change</th><th>Recorded</th>
        <th>Author</th></tr></thead>
        <tbody>${shown.map(
          (change) => html`<tr key=${change.fact}>
          <td class="name">${change.fact}</td>
          <td class="value">${
            change.before !== null &&
            html`<del>
            ${said(change.fact, change.before)}</del> → `
          }${
            change.after === null
              ? html`<span class="quiet">removed</span>`
              : html`<ins>${said(change.fact, change.after)}</ins>`
          }</td>
          <td class="quiet nowrap">
            ${moment(change.recorded_ms)} ${
              change.address &&
              html`<a href=${link(route.value.path[0] === "time" && path ? path : ["log"], {
                at: change.address.split(".")[0],
              })} title="As it was just then"><code>
            ${change.address}</code></a>`
            }</td>
          <td class="wide quiet">${change.address && html`<${Author} author=${change.author} />`}${" "}
            <${Because} reason=${change.reason} /></td></tr>`,
        )}</tbody></table></div>
      ${
        changes.length > FACTS &&
        html`<button class="plain" aria-expanded=${all} onClick=${() => setAll(!all)}>
        ${all ? "Show fewer" : `Show all ${number(changes.length)}`}</button>`
      }
    </div>
  `;
}
