/** The items of a series that have steps: those of one step, chosen by a slider, or all of them at a glance. */
import { html, useMemo } from "../lib/ui.js";
import { number } from "../lib/format.js";
import { usePanel } from "../lib/panels.js";
import { joined } from "../lib/table.js";
import { Gallery } from "./gallery.js";
import { Bars, OverSteps } from "./histograms.js";
import { kindOf, Medium, useTable } from "./medium.js";
import { Sheet } from "./sheet.js";

const MODES = {
  image: [
    ["", "One step"],
    ["all", "All"],
  ],
  histogram: [
    ["", "One step"],
    ["ridge", "Ridges"],
    ["heat", "Heat map"],
  ],
};
const ZOOMS = [
  [0, "fit"],
  [1, "1 ×"],
  [2, "2 ×"],
  [4, "4 ×"],
  [8, "8 ×"],
];

export const Side = ({ runs, parts, children }) =>
  html`<div class="side" tabindex="0">${runs.map(
    (run, at) => html`<div key=${run.run_id}>
    ${runs.length > 1 && html`<h3><bdi>${run.run_name}</bdi></h3>`}
    ${parts[at].count ? children(parts[at], run) : html`<p class="quiet">Not logged.</p>`}</div>`,
  )}</div>`;

/** The items of the latest step that had come by a step. */
function upTo(part, step) {
  const reached = part.items.filter((item) => item.step <= step);
  const last = reached.reduce((most, item) => Math.max(most, item.step), -Infinity);
  return reached.filter((item) => item.step === last);
}

/** @param {{runs: object[], parts: {items: object[], count: number}[], kind: string, name: string}} props */
export function Steps({ runs, parts, kind, name }) {
  const steps = useMemo(
    () => [...new Set(parts.flatMap((part) => part.items.map((item) => item.step)))].sort((a, b) => a - b),
    [parts],
  );
  const [look, change] = usePanel(`${kind} ${name}`);
  const { step: chosen, mode } = look;
  // Without a choice the newest step is shown, also while further ones come.
  const at = chosen === null ? steps.length - 1 : Math.max(steps.indexOf(chosen), 0);
  const first = parts.find((part) => part.items.length)?.items[0];
  const shape = kind === "histogram" ? "histogram" : first ? kindOf(first) : "file";
  const cut = parts.some((part) => part.start > 0);
  const choose = (step) => change({ step, mode: "" });
  return html`
    <div class="bar">
      ${
        !mode &&
        steps.length > 1 &&
        html`<label class="check">step <input type="range" min="0" max=${steps.length - 1} value=${at}
          aria-label=${`Step of ${name}`} aria-valuetext=${`step ${steps[at]}`}
          onInput=${(event) => change({ step: steps[Number(event.target.value)] })} />
          <output>${number(steps[at])}</output>
          </label>`
      }
      ${
        MODES[shape] &&
        steps.length > 1 &&
        html`<span class="switch" role="group" aria-label=${`View of ${name}`}>${MODES[shape].map(
          ([value, word]) => html`<button key=${value} aria-pressed=${mode === value}
          onClick=${() => change({ mode: value })}>${word}</button>`,
        )}</span>`
      }
      ${shape === "image" && html`<${Look} look=${look} onLook=${change} runs=${runs} name=${name} single=${!mode} />`}
    </div>
    ${cut && html`<p class="quiet">The latest ${number(parts.find((part) => part.start > 0).items.length)} items.</p>`}
    ${
      shape === "table" && runs.length > 1 && !mode
        ? html`<${Together} runs=${runs} items=${parts.map((part) => upTo(part, steps[at])[0])} name=${name} />`
        : html`<${Side} runs=${runs} parts=${parts}>${(part, run) => {
            if (mode === "all")
              return html`<${Gallery} items=${part.items} name=${name} look=${look} onChoose=${choose} />`;
            if (mode) return html`<${OverSteps} items=${part.items} mode=${mode} label=${name} />`;
            const items = upTo(part, steps[at]);
            const base = look.base === run.run_id ? null : baseOf(look.base, runs, parts, part, steps[at]);
            return items.length
              ? items.map((item, place) => {
                  const label = `${name}, step ${item.step}${runs.length > 1 ? `, ${run.run_name}` : ""}`;
                  return kind === "histogram"
                    ? html`<${Bars} item=${item} label=${label} />`
                    : html`<${Medium} key=${`${run.run_id} ${place}`} item=${item} label=${label} look=${look}
                      base=${base?.[place]} />`;
                })
              : html`<p class="quiet">Nothing up to this step.</p>`;
          }}<//>`
    }`;
}

/** The images that those of a run are compared with: of another run, or of its own step before. */
function baseOf(base, runs, parts, part, step) {
  if (!base) return null;
  if (base === "before") {
    const now = upTo(part, step)[0]?.step;
    return upTo({ items: part.items.filter((item) => item.step < now) }, step);
  }
  const place = runs.findIndex((run) => run.run_id === base);
  return place < 0 ? null : upTo(parts[place], step);
}

function Look({ look, onLook, runs, name, single }) {
  return html`
    <label class="check"><input type="checkbox" checked=${look.sharp}
      onChange=${(event) => onLook({ sharp: event.target.checked })} /> sharp pixels</label>
    ${
      single &&
      html`<label class="check">size <select aria-label=${`Size of ${name}`} value=${look.zoom}
        onChange=${(event) => onLook({ zoom: Number(event.target.value) })}>${ZOOMS.map(
          ([value, word]) => html`<option key=${value} value=${value} selected=${value === look.zoom}>${word}</option>`,
        )}</select></label>
      <label class="check">difference to <select aria-label=${`Difference of ${name} to`} value=${look.base}
        onChange=${(event) => onLook({ base: event.target.value })}>
        <option value="">nothing</option><option value="before">the step before</option>${
          runs.length > 1 &&
          runs.map((run) => html`<option key=${run.run_id} value=${run.run_id}>${run.run_name}</option>`)
        }</select></label>`
    }`;
}

/** The tables of several runs as one, with a column for the run. */
function Together({ runs, items, name }) {
  const present = runs.map((run, at) => ({ run, item: items[at] })).filter(({ item }) => item);
  return html`<${Joined} key=${present.map(({ item }) => item.url).join(" ")} present=${present} name=${name} />`;
}

function Joined({ present, name }) {
  const asked = present.map(({ item }) => useTable(item));
  const refused = asked.find(({ error }) => error);
  if (refused) return html`<p class="problem" role="alert">${refused.error.message}</p>`;
  const tables = asked.map(({ data }, at) => ({ name: present[at].run.run_name, table: data }));
  if (tables.some(({ table }) => !table)) return html`<p class="state" role="status">Reading the tables …</p>`;
  return html`<${Sheet} table=${joined(tables)} label=${name} />`;
}
