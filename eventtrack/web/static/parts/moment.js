/** The choice of a moment: in words, by a calendar, or one of the usual ones. */
import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { at, backToNow, goTo, wanted } from "../lib/past.js";
import { Popup } from "./popup.js";

const USUAL = ["1 hour ago", "yesterday", "1 week ago", "1 month ago"];

/** What somebody wrote, as the address has it; the server reads it, so that it means the same everywhere. */
export async function momentOf(text) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (await get("moment", { text, zone, at: "" })).at;
}

const two = (number) => String(number).padStart(2, "0");

/** A time as the browser's calendar wants it: local, to the minute. */
function calendarText(moment) {
  const date = new Date(moment);
  if (/^\d*$/.test(moment) || Number.isNaN(date.valueOf())) return "";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** @param {{label: any}} props what the button shows: the moment that pages show now */
export const MomentChoice = ({ label }) => html`
  <${Popup} label=${label} title="Go to a moment">${(close) => html`<${Form} close=${close} />`}<//>`;

function Form({ close }) {
  const [text, setText] = useState("");
  const [error, setError] = useState(null);
  const show = async (asked) => {
    try {
      const moment = await momentOf(asked);
      wanted.value = null;
      close();
      if (moment) goTo(moment);
      else backToNow();
    } catch (refusal) {
      setError(refusal);
    }
  };
  const send = (event) => {
    event.preventDefault();
    if (text.trim()) show(text);
  };
  return html`
    <form class="fields" onSubmit=${send}>
      <label>Show everything as it was
        <input type="text" placeholder="yesterday, 7d, 2026-05-03 14:00" spellcheck="false" value=${text}
          aria-invalid=${error ? "true" : undefined} onInput=${(event) => {
            setText(event.target.value);
            setError(null);
          }} /></label>
      ${error && html`<p class="problem" role="alert">${error.message}. ${error.hint}</p>`}
      <label>or on
        <input type="datetime-local" aria-label="Date and time" value=${calendarText(at.value)}
          onChange=${(event) => event.target.value && setText(event.target.value)} /></label>
      <button disabled=${!text.trim()}>Go</button>
    </form>
    <div class="bar usual" role="group" aria-label="Often asked for">
      ${USUAL.map((words) => html`<button key=${words} onClick=${() => show(words)}>${words}</button>`)}
      <button disabled=${!at.value} onClick=${() => show("now")}>now</button>
    </div>`;
}
