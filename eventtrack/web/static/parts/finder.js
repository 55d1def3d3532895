/** The search over everything: a field, and below it what holds the text, by kind. Arrows and Enter choose. */
import { html, signal, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { at } from "../lib/past.js";
import { link } from "../lib/route.js";
import { Failed } from "./states.js";

// Letters that follow each other this soon are asked about once.
const PAUSE_MS = 180;
const HITS = 6;
const KINDS = {
  experiments: "Experiments",
  "registered models": "Registered models",
  "logged models": "Logged models",
  datasets: "Datasets",
  names: "Names of metrics, params and tags",
  ids: "Ids",
  runs: "Runs",
  notes: "Notes",
  params: "Params",
  tags: "Tags",
  traces: "Traces",
  files: "Files",
};

/** Whether the search stands over the page. */
export const finding = signal(false);

/** To the page's own search field; to the search over everything where there is none. */
export const focusSearch = () => {
  const own = document.querySelector("[data-focus]");
  if (own) own.focus();
  else finding.value = true;
};

/** The page of a hit. */
export function addressOf(hit) {
  if (hit.path) return link(["runs", hit.run_id], { tab: "files", file: hit.path });
  if (hit.run_id) return link(["runs", hit.run_id]);
  if (hit.trace_id) return link(["traces", hit.trace_id]);
  if (hit.model) return link(["models", hit.model]);
  if (hit.model_id) return link(["logged-models", hit.model_id]);
  if (hit.experiment_id) return link(["experiments", hit.experiment_id], { q: hit.filter });
  return hit.dataset_id ? link(["evaluation", hit.dataset_id]) : link(["data"]);
}

/** The answer for a text, asked for once nobody types any more. */
function useFinds(text) {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const asked = useData(settled.trim() ? ["find", settled] : null, (options) =>
    get("find", { text: settled, limit: HITS }, options),
  );
  return { ...asked, settled: settled === text && asked.fresh };
}

/**
 * @param {{text: string, onText: (text: string) => void, onChosen?: () => void, focus?: boolean}} props
 *   `focus`: the field takes the focus as it appears
 */
export function Finder({ text, onText, onChosen = () => {}, focus = false }) {
  const asked = useFinds(text);
  const [place, setPlace] = useState(0);
  const field = useRef();
  const box = useRef();
  useLayoutEffect(() => {
    if (focus) field.current.focus();
  }, []);
  useEffect(() => setPlace(0), [text]);
  const groups = (text.trim() && asked.data?.groups) || [];
  const hits = groups.flatMap((group) => group.hits);
  const chosen = hits.length ? Math.min(place, hits.length - 1) : -1;
  useEffect(() => {
    box.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) {
      event.preventDefault();
      setPlace((chosen + step + hits.length) % hits.length);
    } else if (event.key === "Escape" && focus) {
      event.preventDefault();
      onChosen();
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      location.hash = addressOf(hits[chosen]);
      onChosen();
    }
  };
  return html`
    <div class="finder">
      <input type="search" data-focus=${focus ? undefined : true} ref=${field} role="combobox" value=${text}
        placeholder="Search runs, experiments, models, params, tags, notes, traces, files" autocomplete="off"
        aria-label="Search everything" aria-expanded=${hits.length > 0} aria-controls="hits"
        aria-activedescendant=${chosen >= 0 ? `hit-${chosen}` : undefined} aria-autocomplete="list"
        onInput=${(event) => onText(event.target.value)} onKeyDown=${keys} />
      ${
        text.trim() &&
        html`<div ref=${box}>
        ${asked.error && html`<${Failed} error=${asked.error} retry=${asked.reload} />`}
        <${Hits} groups=${groups} chosen=${chosen} onChosen=${onChosen} />
        <p class="quiet" role="status">${
          !asked.settled && !asked.error ? "Searching …" : asked.error ? "" : summary(groups, hits.length)
        }</p></div>`
      }
    </div>`;
}

function Hits({ groups, chosen, onChosen }) {
  let number = -1;
  return html`<div id="hits" role="listbox" aria-label="What holds the text">${groups
    .filter((group) => group.hits.length)
    .map(
      (group) => html`<div key=${group.kind} role="group" aria-label=${KINDS[group.kind] || group.kind}>
      <div class="kind" aria-hidden="true">${KINDS[group.kind] || group.kind}
        ${group.more ? html` <small>the first ${group.hits.length}</small>` : ""}</div>
      ${group.hits.map((hit) => {
        number += 1;
        return html`<a key=${number} id=${`hit-${number}`} role="option" tabindex="-1"
          aria-selected=${number === chosen} href=${addressOf(hit)} onClick=${onChosen}>
          <span class="title"><bdi>${hit.title}</bdi></span>
          <span class="quiet">${hit.where} ${hit.text && html`<bdi>${hit.text}</bdi>`}</span></a>`;
      })}</div>`,
    )}</div>`;
}

/** What the search did not look at, in words; nothing is left out silently. */
function summary(groups, many) {
  const left = groups.filter((group) => !group.whole && !group.more).map((group) => KINDS[group.kind] || group.kind);
  const past = at.value ? " Files of the past are not searched." : "";
  const unseen = left.length ? ` Time was up before all were looked at of: ${left.join(", ").toLowerCase()}.` : "";
  if (!many) return `Nothing holds this text.${unseen}${past}`;
  return `${unseen}${past}`.trim();
}

/** The search over the page, opened with Ctrl+K from everywhere. */
export function FinderDialog() {
  const [text, setText] = useState("");
  const dialog = useRef();
  useLayoutEffect(() => {
    if (finding.value) dialog.current?.showModal();
  }, [finding.value]);
  if (!finding.value) return null;
  const close = () => (finding.value = false);
  return html`<dialog class="finding" ref=${dialog} aria-label="Search everything" onClose=${close}
    onClick=${(event) => event.target === dialog.current && close()}>
    <${Finder} text=${text} onText=${setText} onChosen=${close} focus /></dialog>`;
}
