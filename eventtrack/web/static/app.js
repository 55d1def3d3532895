/** The frame of all pages: header, routes, keyboard. */
import { html, render, useEffect, useRef } from "./lib/ui.js";
import { locked, lookUp, me, problem, signOut } from "./lib/access.js";
import { connected } from "./lib/live.js";
import { go, link, route } from "./lib/route.js";
import { useRetry } from "./lib/data.js";
import { theme, toggleTheme } from "./lib/theme.js";
import { useTitle } from "./lib/title.js";
import { at, backToNow } from "./lib/past.js";
import { playing, said, step, TimeBar, togglePlay, useMoment } from "./parts/timebar.js";
import { finding, FinderDialog, focusSearch } from "./parts/finder.js";
import { Building } from "./parts/building.js";
import { Notice } from "./parts/skipped.js";
import { Empty, Failed, Loading } from "./parts/states.js";
import { Home } from "./pages/home.js";
import { Experiments } from "./pages/experiments.js";
import { Runs } from "./pages/runs.js";
import { Run } from "./pages/run.js";
import { Compare } from "./pages/compare.js";
import { Data, Dataset } from "./pages/data.js";
import { Evaluation } from "./pages/evaluation.js";
import { LoggedModel } from "./pages/logged_model.js";
import { Model } from "./pages/model.js";
import { Models } from "./pages/models.js";
import { Trace } from "./pages/trace.js";
import { Traces } from "./pages/traces.js";
import { Log } from "./pages/log.js";
import { Help } from "./pages/help.js";
import { Sync } from "./pages/sync.js";
import { Time } from "./pages/time.js";
import { SignIn } from "./pages/signin.js";

/** Where each key goes; `docs/web-api.md` and the page Help tell of them. */
const KEYS = {
  h: () => go([]),
  e: () => go(["experiments"]),
  r: () => go(["traces"]),
  m: () => go(["models"]),
  d: () => go(["data"]),
  l: () => go(["log"]),
  "?": () => go(["help"]),
  i: () => go(["time"]),
  s: () => go(["sync"]),
  t: toggleTheme,
  "[": () => step(-1),
  "]": () => step(1),
  p: togglePlay,
  n: backToNow,
  "/": focusSearch,
  j: toTable,
  k: toTable,
};

/** To the table of runs, which then has keys of its own. */
function toTable() {
  document.querySelector(".grid .goal")?.focus();
}

/** Pages that only their name leads to. */
const TITLES = { time: "History" };
const NAMED = {
  experiments: Experiments,
  traces: Traces,
  models: Models,
  data: Data,
  log: Log,
  time: Time,
  sync: Sync,
  help: Help,
};

function Titled({ title }) {
  useTitle(title);
  return null;
}

function Page() {
  useRetry(me.value ? null : problem.value, lookUp);
  if (locked.value) return html`<${SignIn} />`;
  if (problem.value && !me.value) return html`<main><${Failed} error=${problem.value} retry=${lookUp} /></main>`;
  if (!me.value) return html`<main><${Loading} what="Asking the server" again=${lookUp} /></main>`;
  const { path } = route.value;
  const [first, second] = path;
  if (!first) return html`<${Titled} title="Home" /><${Home} />`;
  if (first === "experiments" && second) return html`<${Runs} key=${second} experimentId=${second} />`;
  if (first === "runs" && second) return html`<${Run} key=${second} runId=${second} />`;
  if (first === "compare") return html`<${Compare} />`;
  if (first === "traces" && second) return html`<${Trace} key=${second} traceId=${second} />`;
  if (first === "models" && second) return html`<${Model} key=${second} name=${second} />`;
  if (first === "logged-models" && second) return html`<${LoggedModel} key=${second} modelId=${second} />`;
  if (first === "data" && second) return html`<${Dataset} key=${second} digest=${second} />`;
  if (first === "evaluation" && second) return html`<${Evaluation} key=${second} datasetId=${second} />`;
  const Named = NAMED[first];
  if (Named) return html`<${Titled} title=${TITLES[first] || first[0].toUpperCase() + first.slice(1)} /><${Named} />`;
  return html`<main><${Titled} title="No such page" />
    <${Empty} title="There is no such page."><a href=${link([])}>Home</a><//></main>`;
}

const NAVIGATION = [
  ["Home", [], [undefined]],
  ["Experiments", ["experiments"], ["experiments", "runs", "compare"]],
  ["Traces", ["traces"], ["traces"]],
  ["Models", ["models"], ["models", "logged-models"]],
  ["Data", ["data"], ["data", "evaluation"]],
  ["Log", ["log"], ["log"]],
  ["History", ["time"], ["time"]],
  ["Sync", ["sync"], ["sync"]],
  ["Help", ["help"], ["help"]],
];

// Pages that are the same at whatever moment.
const OF_NOW = ["sync", "help"];

/** Says that what is below is past, and leads back. */
function Banner() {
  const { data } = useMoment();
  return html`
    <p class="past" role=${playing.value ? undefined : "status"}>
      <span>You see the store as it was at <strong>
        ${said(at.value, data)}</strong>. Nothing can be changed here.${
          OF_NOW.includes(route.value.path[0]) ? " This page shows the present." : ""
        }</span>
      <button onClick=${backToNow}>Back to now</button>
    </p>`;
}

function App() {
  useEffect(() => {
    const press = (event) => {
      const typing = event.target.closest(
        "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]",
      );
      if (event.key === "Escape" && typing) typing.blur();
      if (event.key === "k" && (event.ctrlKey || event.metaKey) && me.value && !locked.value) {
        event.preventDefault();
        finding.value = true;
        return;
      }
      if (typing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = KEYS[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const here = route.value.path[0];
  const pages = useRef();
  useEffect(() => {
    // On a phone the names of the pages do not fit: the present one stays in sight.
    const { current: box } = pages;
    const name = box.querySelector("[aria-current]");
    if (name) box.scrollLeft = name.offsetLeft + name.offsetWidth - box.offsetLeft - box.clientWidth;
  }, [here, locked.value]);
  return html`
    <header>
      <a class="brand" href=${link([])}><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 7c6 17 11 14 22 15" />
        <circle cx="26" cy="22" r="3" /></svg>eventtrack</a>
      <nav aria-label="Pages" ref=${pages}>${
        !locked.value &&
        NAVIGATION.map(
          ([name, path, firsts]) => html`
        <a href=${link(path)} aria-current=${firsts.includes(here) ? "page" : undefined}>${name}</a>`,
        )
      }
      </nav>
      ${
        !locked.value &&
        me.value &&
        html`<button class="plain search" onClick=${() => (finding.value = true)} title="Search everything (Ctrl+K)">
        Search <kbd>Ctrl K</kbd></button>
        <${Building} /><${Notice} />`
      }
      ${
        !locked.value &&
        html`<span class="live" data-on=${connected.value && !at.value} title=${
          connected.value ? "Changes appear by themselves" : "No live updates now"
        }>
        ${at.value ? "paused" : connected.value ? "live" : "not live"}</span>`
      }
      ${
        me.value?.name &&
        html`<span class="who" title=${`${me.value.name}: what you change stands in the log under this name; it may ${
          me.value.role
        }.`}>
          ${me.value.name}${me.value.role === "read" ? html` <small>reads</small>` : ""}</span>
        <button class="plain" onClick=${signOut}>Sign out</button>`
      }
      <button class="plain" onClick=${toggleTheme} aria-label=${`Use the ${
        theme.value === "dark" ? "light" : "dark"
      } theme`}>
        ${theme.value === "dark" ? "☀" : "☾"}</button>
    </header>
    ${!locked.value && me.value && html`<${TimeBar} />${at.value && html`<${Banner} />`}`}
    <${Page} />
    <${FinderDialog} />
  `;
}

lookUp();
render(html`<${App} />`, document.body);
