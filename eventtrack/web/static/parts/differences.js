/** Runs side by side as a table, and what each differs by from one of them. */
import { html } from "../lib/ui.js";
import { bestOf, betterWhen } from "../lib/better.js";
import { strokesOf } from "../lib/colour.js";
import { numeric } from "../lib/fields.js";
import { duration, moment, naturally, number } from "../lib/format.js";
import { link } from "../lib/route.js";
import { theme } from "../lib/theme.js";
import { byRank } from "../lib/workspace.js";
import { Status } from "./states.js";
import { Swatch } from "./tip.js";

/** Beyond these, columns could not be told apart. */
export const COMPARED_MAX = 50;

/** Groups of what `eventtrack run` recorded of a run's origin. */
const ORIGINS = [
  ["Command", "command"],
  ["Code", "code"],
  ["Packages", "package"],
  ["Machine", "machine"],
];

/** @param {{runs: object[], all: boolean, base?: object, onBase: (run: object) => void}} props */
export function Differences({ runs, all, base, onBase }) {
  theme.value; // swatches change with it
  const metrics = new Map(
    runs.map((run) => [run, Object.fromEntries(run.metrics.map((metric) => [metric.key, metric.value]))]),
  );
  const rows = (of, keep = () => true, sorted = (names) => names.sort(naturally)) => {
    const names = sorted([...new Set(runs.flatMap((run) => Object.keys(of(run))))].filter(keep));
    const lines = names.map((key) => [
      key,
      runs.map((run) => (Object.hasOwn(of(run), key) ? of(run)[key] : undefined)),
    ]);
    return { lines: lines.filter(([, values]) => all || new Set(values).size > 1), many: names.length };
  };
  const groups = [
    ["Metrics", rows((run) => metrics.get(run), undefined, byRank), true],
    ["Params", rows((run) => run.params), false],
    [
      "Tags",
      rows(
        (run) => run.tags,
        (key) => !key.startsWith("mlflow.") && !key.startsWith("eventtrack."),
      ),
      false,
    ],
    ...ORIGINS.filter(([, group]) => runs.some((run) => run.origin?.[group])).map(([title, group]) => [
      title,
      rows((run) => run.origin?.[group] || {}),
      false,
    ]),
  ];
  const took = ({ info }) => (info.end_time ? info.end_time - info.start_time : undefined);
  const at = base ? runs.indexOf(base) : -1;
  const strokes = strokesOf(runs.map((run) => run.info.run_id));
  return html`
    <div class="scroll" tabindex="0"><table class="list compared">
      <thead><tr><th scope="col"></th>${runs.map(
        (run) => html`<th scope="col" class="num" key=${run.info.run_id}>
        <${Swatch} ...${strokes.get(run.info.run_id)} /> <a
          href=${link(["runs", run.info.run_id])} title=${run.info.run_name}>${run.info.run_name}</a>
        <button class="plain" aria-pressed=${run === base}
          aria-label=${`${run.info.run_name} ${run === base ? "is the" : "as"} baseline`}
          onClick=${() => onBase(run === base ? null : run)}>
          ${run === base ? "baseline" : "as baseline"}</button></th>`,
      )}</tr></thead>
      <tbody>
        <tr><th scope="row">Status</th>${runs.map(
          ({ info }) => html`<td class="num">
          <${Status} ...${info} /></td>`,
        )}</tr>
        <tr><th scope="row">Started</th>${runs.map(
          ({ info }) => html`<td class="num nowrap">
          ${moment(info.start_time)}</td>`,
        )}</tr>
        <tr><th scope="row">Duration</th>${runs.map(
          (run) => html`<td class="num">${duration(took(run))}
          <${Delta} value=${took(run)} of=${base && took(base)} show=${duration} /></td>`,
        )}</tr>
      </tbody>
      ${groups.map(
        ([title, { lines, many }, measured]) => html`<tbody key=${title}>
        <tr class="part"><th scope="rowgroup" colspan=${runs.length + 1}>${title} <span class="quiet">
          ${
            many === 0 ? "none" : lines.length ? `${number(lines.length)} of ${number(many)}` : "equal in all runs"
          }</span></th></tr>
        ${lines
          .map(([key, values]) => [key, values, measured ? bestOf(key, values) : undefined])
          .map(
            ([key, values, best]) =>
              html`<tr key=${key}><th scope="row" class="name">${key}</th>${values.map(
                (value, place) => html`
          <td class=${`num ${at >= 0 && place !== at && value !== values[at] ? "differs" : ""}`} title=${value ?? ""}>
            ${
              value === undefined
                ? html`<span class="quiet">–</span>`
                : html`${
                    value === best
                      ? html`<small class="best" title=${`The ${betterWhen(key)} the better`}>best</small> `
                      : ""
                  }<span class="held" tabindex="0">${measured ? number(value) : value}</span>`
            }
            ${
              (measured || numeric(value) !== undefined) &&
              place !== at &&
              html`<${Delta} value=${numeric(value)} better=${measured ? betterWhen(key) : null}
              of=${at >= 0 ? numeric(values[at]) : undefined} />`
            }</td>`,
              )}</tr>`,
          )}
      </tbody>`,
      )}
    </table></div>
  `;
}

/** More or less than the baseline, absolute and relative; called better or worse where that is known. */
function Delta({ value, of, better = null, show = number }) {
  if (typeof value !== "number" || typeof of !== "number" || value === of) return null;
  const more = value > of;
  const share = of === 0 ? "" : ` (${more === of > 0 ? "+" : "−"}${percent(Math.abs((value - of) / of))})`;
  const word = better && ((better === "more") === more ? "better" : "worse");
  return html`<small class="delta" data-way=${word || undefined}>
    ${more ? "▲ +" : "▼ −"}${show(Math.abs(value - of))}${share}${word ? ` ${word}` : ""}</small>`;
}

const percent = (share) =>
  share >= 10 ? `${number(Math.round(share * 100))} %` : `${Number((share * 100).toPrecision(3))} %`;
