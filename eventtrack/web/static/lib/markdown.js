/**
 * Markdown as elements. There is no HTML on the way, so nothing in a note can become one: tags are
 * text, and links lead to http, https and mailto only.
 */
import { html } from "./ui.js";

const INLINE = /(`[^`]+`)|(\*\*[^*]+\*\*)|(\*[^*\s][^*]*\*)|(\[[^\]]+\]\([^)\s]+\))|(https?:\/\/[^\s<>"')]+)/;
const SAFE = /^(https?:|mailto:)/i;

function inline(text) {
  const found = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    found.push(rest.slice(0, match.index));
    const [whole, code, strong, emphasis, link, bare] = match;
    if (code) found.push(html`<code>${code.slice(1, -1)}</code>`);
    else if (strong) found.push(html`<strong>${inline(strong.slice(2, -2))}</strong>`);
    else if (emphasis) found.push(html`<em>${inline(emphasis.slice(1, -1))}</em>`);
    else if (link) found.push(linked(/^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(link)));
    else if (bare) found.push(anchor(bare, bare));
    rest = rest.slice(match.index + whole.length);
  }
  found.push(rest);
  return found;
}

const linked = ([whole, label, target]) => (SAFE.test(target) ? anchor(target, label) : whole);
const anchor = (target, label) => html`<a href=${target} target="_blank" rel="noopener noreferrer">${label}</a>`;

const LIST = /^\s*([-*+]|\d+[.)])\s+/;

/** The blocks of a note. */
export function Markdown({ text }) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks = [];
  while (lines.length) {
    const line = lines.shift();
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    if (!line.trim()) continue;
    if (line.startsWith("```")) {
      const end = lines.findIndex((one) => one.startsWith("```"));
      const code = lines.splice(0, end < 0 ? lines.length : end + 1);
      if (end >= 0) code.pop();
      blocks.push(html`<pre>${code.join("\n")}</pre>`);
    } else if (heading) {
      blocks.push(
        heading[1].length === 1 ? html`<h2>${inline(heading[2])}</h2>` : html`<h3>${inline(heading[2])}</h3>`,
      );
    } else if (LIST.test(line)) {
      const items = [line, ...take(lines, (one) => LIST.test(one))].map(
        (one) => html`<li>${inline(one.replace(LIST, ""))}</li>`,
      );
      blocks.push(/^\s*\d/.test(line) ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`);
    } else if (line.startsWith(">")) {
      const quoted = [line, ...take(lines, (one) => one.startsWith(">"))].map((one) => one.replace(/^>\s?/, ""));
      blocks.push(html`<blockquote>${inline(quoted.join(" "))}</blockquote>`);
    } else {
      const more = take(lines, (one) => one.trim() && !/^(#{1,6}\s|```|>)/.test(one) && !LIST.test(one));
      blocks.push(html`<p>${inline([line, ...more].join(" "))}</p>`);
    }
  }
  return html`<div class="note">${blocks}</div>`;
}

function take(lines, test) {
  const end = lines.findIndex((one) => !test(one));
  return lines.splice(0, end < 0 ? lines.length : end);
}
