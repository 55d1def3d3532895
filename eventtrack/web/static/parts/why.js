/** The reason for a change: a field beside the change, and the words where the change is shown. */
import { html } from "../lib/ui.js";

// Characters, as in docs/format.md.
const LENGTH_MAX = 500;

/** @param {{value: string, onWhy: (text: string) => void, needed?: string}} props */
export const Why = ({ value, onWhy, needed }) => html`<input type="text" class="why" maxlength=${LENGTH_MAX}
  placeholder=${needed || "reason, if there is one"} aria-label="Reason for the change" value=${value}
  onInput=${(event) => onWhy(event.target.value)} />`;

/** The reason that was given for an event; nothing for an event without a reason. */
export const Because = ({ reason }) => reason && html`<span class="because">because: <q>${reason}</q></span>`;
