/** What can be done with a chart: its name, metrics, axes, size and place; and its values as a table. */
import { html, useState } from "../lib/ui.js";
import { number } from "../lib/format.js";
import { BARS, SIZES } from "../lib/workspace.js";
import { figureOf } from "./bars.js";
import { Popup } from "./popup.js";
import { METRIC } from "./plot.js";
import { Typed } from "./typed.js";

const OFFERED = 30;
const VALUES = 100;
const BAR_NAMES = {
  last: "last values: bars, of groups boxes",
  min: "min values: bars, of groups boxes",
  max: "max values: bars, of groups boxes",
};

export function ChartMenu({ card, keys, fresh, move, change, remove, curves, onPng }) {
  return html`<${Popup} label="⋯" title=${`Menu of ${card.title}`} sign opened=${fresh}>${(close) => html`
    <div class="fields">
      <label>Title <${Typed} value=${card.title}
        onChange=${(event) => change({ title: event.target.value.trim() })} /></label>
      <label>Kind <select value=${card.bars || ""} onChange=${(event) => change({ bars: event.target.value })}>
        <option value="">curves</option>
        ${BARS.map((which) => html`<option value=${which}>${BAR_NAMES[which]}</option>`)}
        <option value="no">curves, also of single points</option></select></label>
      <label>x axis <select value=${card.x} onChange=${(event) => change({ x: event.target.value })}>
        <option value="">as all charts</option><option value="step">step</option><option value="time">time</option>
        <option value="relative">time since start</option>
        ${[
          ...new Set([...keys.slice(0, OFFERED), ...(card.x.startsWith(METRIC) ? [card.x.slice(METRIC.length)] : [])]),
        ].map((key) => html`<option value=${METRIC + key}>${key}</option>`)}</select></label>
      <${Scale} name="Scale of x" value=${card.logX} onChange=${(logX) => change({ logX })} />
      <${Scale} name="Scale of y" value=${card.log} onChange=${(log) => change({ log })} />
    </div>
    <${Metrics} card=${card} keys=${keys} change=${change} />
    <${Formula} onAdd=${(formula) => change({ keys: [...new Set([...card.keys, formula])] })} />
    <div class="bar">
      <span class="switch" role="group" aria-label="Size">${Object.keys(SIZES).map(
        (size) =>
          html`<button key=${size} aria-pressed=${card.size === size}
            onClick=${() => change({ size })}>${size}</button>`,
      )}</span>
      <button onClick=${() => move.to(-1)}>Move back</button>
      <button onClick=${() => move.to(1)}>Move on</button>
      <button aria-pressed=${Boolean(card.pinned)}
        onClick=${() => change({ pinned: !card.pinned || undefined })}>Pin</button>
      <button aria-label=${`Save ${card.title} as PNG`} onClick=${onPng}>PNG</button>
      <button onClick=${() => {
        close();
        remove();
      }}>${card.own ? "Delete" : "Hide"}</button>
    </div>
    <details><summary>Values</summary><${Values} curves=${curves} /></details>`}<//>`;
}

const Scale = ({ name, value, onChange }) => html`
  <label>${name} <select value=${value} onChange=${(event) => onChange(event.target.value)}>
    <option value="">as all charts</option><option value="0">linear</option><option value="1">logarithmic</option>
  </select></label>`;

function Metrics({ card, keys, change }) {
  const [find, setFind] = useState("");
  const word = find.toLowerCase();
  const others = keys.filter((key) => !card.keys.includes(key) && key.toLowerCase().includes(word));
  const box = (key) =>
    html`<label key=${key}><input type="checkbox" checked=${card.keys.includes(key)} onChange=${(event) =>
      change({
        keys: event.target.checked ? [...card.keys, key] : card.keys.filter((other) => other !== key),
      })} /> ${key}</label>`;
  return html`<fieldset><legend>Metrics</legend>
    ${card.keys.map(box)}
    ${
      keys.length > OFFERED &&
      html`<input type="search" placeholder="Find" aria-label="Find a metric to add" value=${find}
      onInput=${(event) => setFind(event.target.value)} />`
    }
    ${others.slice(0, OFFERED).map(box)}
    ${others.length > OFFERED && html`<p class="quiet">and ${number(others.length - OFFERED)} more</p>`}
  </fieldset>`;
}

/** A curve that is reckoned from metrics of the same run, by the server, from all their points. */
function Formula({ onAdd }) {
  const [text, setText] = useState("");
  const add = (event) => {
    event.preventDefault();
    onAdd(`= ${text.trim()}`);
    setText("");
  };
  return html`<form class="fields" onSubmit=${add}><label>Formula <input type="text" value=${text}
    placeholder=${"`train/loss` - `val/loss`"} onInput=${(event) => setText(event.target.value)}
    title="Numbers, + - * / **, ( ), abs exp log log10 sqrt min max; names of metrics between backquotes" /></label>
    <button disabled=${!text.trim()}>Add the formula</button></form>`;
}

/** What a chart shows, for those who do not see it, and for those who want the numbers. */
const Values = ({ curves }) => html`<div class="scroll" tabindex="0"><table class="list"><thead><tr><th>Curve</th>
  <th class="num">last</th><th class="num">min</th><th class="num">max</th></tr></thead><tbody>
  ${curves.slice(0, VALUES).map(
    (curve) => html`<tr key=${`${curve.runId} ${curve.key}`}><td>${curve.label}</td>
    ${BARS.map((which) => html`<td class="num">${number(figureOf(curve, which))}</td>`)}</tr>`,
  )}</tbody></table></div>
  ${curves.length > VALUES && html`<p class="quiet">The first ${VALUES} of ${number(curves.length)} curves.</p>`}`;
