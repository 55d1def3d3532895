/** A text field that keeps what is typed, whatever is drawn meanwhile, until Enter or leaving it confirms the text. */
import { html, useEffect, useState } from "../lib/ui.js";

export function Typed({ value, onChange, ...others }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return html`<input type="text" ...${others} value=${text} onInput=${(event) => setText(event.target.value)}
    onChange=${onChange} />`;
}
