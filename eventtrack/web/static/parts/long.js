/** Texts that may be so long that they would push all else out of sight. */
import { html } from "../lib/ui.js";

const LONG = 400;
const LONG_TITLE = 100;

/** A logged value; a long one scrolls in a box of its own. */
export const Long = ({ text }) =>
  String(text).length > LONG ? html`<div class="long" tabindex="0">${text}</div>` : text;

/** The name that a page is headed by; a long one is cut off, and whole in its hint. */
export const Title = ({ text }) =>
  html`<bdi class=${text.length > LONG_TITLE ? "long" : undefined} title=${
    text.length > LONG_TITLE ? text : undefined
  }>${text}</bdi>`;
