/** A button with what it opens: closed by Escape, by a press elsewhere, and by the button. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";

const EDGE = 8;
const LEAST = 240;

/** @param {{label: string, title: string, sign?: boolean, opened?: () => void}} props
 *   `title` names what is opened; a `sign` is no word; with `opened`, which is told, it is open from the start */
export function Popup({ label, title, disabled, sign, opened, children }) {
  const [open, setOpen] = useState(Boolean(opened));
  const box = useRef();
  useEffect(() => {
    if (!open) return undefined;
    if (opened) {
      box.current.scrollIntoView({ block: "nearest" });
      opened();
    }
    const press = (event) => !box.current.contains(event.target) && setOpen(false);
    addEventListener("pointerdown", press);
    return () => removeEventListener("pointerdown", press);
  }, [open]);
  useLayoutEffect(() => {
    // One that ends where its button does may begin to the left of the window.
    const opened = box.current.querySelector("[role=dialog]");
    if (!opened) return;
    const { left, top } = opened.getBoundingClientRect();
    if (left < EDGE) opened.style.marginRight = `${left - EDGE}px`;
    // What is below the window could not be seen to be there; near the lower edge it scrolls with the page.
    const hangs = getComputedStyle(opened).position === "absolute";
    if (hangs && innerHeight - top > LEAST) opened.style.maxHeight = `${innerHeight - top - EDGE}px`;
  }, [open]);
  useLayoutEffect(() => {
    // A phone would cover half of it with its keyboard.
    if (open && matchMedia("(pointer: fine)").matches)
      box.current
        .querySelector("[role=dialog] :is(a[href], input:enabled, select:enabled, textarea:enabled, button:enabled)")
        ?.focus();
  }, [open]);
  const close = () => {
    // The keyboard goes on where it opened this.
    if (box.current.contains(document.activeElement)) box.current.querySelector("button").focus();
    setOpen(false);
  };
  return html`
    <div class="popup" ref=${box} onKeyDown=${(event) => event.key === "Escape" && close()}>
      <button class=${sign ? "plain" : ""} aria-label=${sign ? title : undefined} aria-expanded=${open}
        disabled=${disabled} onClick=${() => setOpen(!open)}>${label}</button>
      ${
        open &&
        html`<div role="dialog" aria-label=${title}>
        ${typeof children === "function" ? children(close) : children}</div>`
      }
    </div>
  `;
}
