/**
 * Markdown as elements. There is no HTML on the way, so nothing in a note can become one: tags are
 * text, and links lead to http, https and mailto only.
 */
import { html } from "./ui.js";

const INLINE = /(`[^`]+`)|(\*\*[^*]+\*\*)|(\*[^*\s][^*]*\*)|(\[[^\]]+\]\([^)\s]+\))|(https?:\/\/[^\s<>"')]+)/;
const SAFE = /^(https?:|mailto:)/i;

function inline(text) {
  const parts = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    parts.push(rest.slice(0, match.index));
    const [whole, code, strong, emphasis, link, bare] = match;
    if (code) parts.push(html`<code>${code.slice(1, -1)}</code>`);
    else if (strong) parts.push(html`<strong>${inline(strong.slice(2, -2))}</strong>`);
    else if (emphasis) parts.push(html`<em>${inline(emphasis.slice(1, -1))}</em>`);
    else if (link) parts.push(linked(/^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(link)));
    else if (bare) parts.push(anchor(bare, bare));
    rest = rest.slice(match.index + whole.length);
  }
  parts.push(rest);
  return parts;
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
      const end = lines.findIndex((line) => line.startsWith("```"));
      const code = lines.splice(0, end < 0 ? lines.length : end + 1);
      if (end >= 0) code.pop();
      blocks.push(html`<pre>${code.join("\n")}</pre>`);
    } else if (heading) {
      blocks.push(
        heading[1].length === 1 ? html`<h2>${inline(heading[2])}</h2>` : html`<h3>${inline(heading[2])}</h3>`,
      );
    } else if (LIST.test(line)) {
      const items = [line, ...take(lines, (line) => LIST.test(line))].map(
        (line) => html`<li>${inline(line.replace(LIST, ""))}</li>`,
      );
      blocks.push(/^\s*\d/.test(line) ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`);
    } else if (line.startsWith(">")) {
      const quoted = [line, ...take(lines, (line) => line.startsWith(">"))].map((line) => line.replace(/^>\s?/, ""));
      blocks.push(html`<blockquote>${inline(quoted.join(" "))}</blockquote>`);
    } else {
      const more = take(lines, (next) => next.trim() && !/^(#{1,6}\s|```|>)/.test(next) && !LIST.test(next));
      blocks.push(html`<p>${inline([line, ...more].join(" "))}</p>`);
    }
  }
  return html`<div class="note">${blocks}</div>`;
}

function take(lines, test) {
  const end = lines.findIndex((line) => !test(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}
