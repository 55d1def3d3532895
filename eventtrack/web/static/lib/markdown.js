/**
 * Markdown as elements. There is no HTML on the way, so nothing in a note can become one: tags are
 * text, and links lead to http, https and mailto only. Images are shown as whoever has the text says.
 */
import { highlighted } from "./highlight.js";
import { html } from "./ui.js";

const INLINE = new RegExp(
  [
    "(`[^`]+`)",
    "(!\\[[^\\]]*\\]\\([^)\\s]+\\))",
    "(\\*\\*[^*]+\\*\\*)",
    "(\\*[^*\\s][^*]*\\*)",
    "(\\[[^\\]]+\\]\\([^)\\s]+\\))",
    "(https?:\\/\\/[^\\s<>\"')]+)",
  ].join("|"),
);
const SAFE = /^(https?:|mailto:)/i;

function inline(text, image) {
  const parts = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    parts.push(rest.slice(0, match.index));
    const [whole, code, pictured, strong, emphasis, link, bare] = match;
    if (code) parts.push(html`<code>${code.slice(1, -1)}</code>`);
    else if (pictured) parts.push(picture(pictured, image));
    else if (strong) parts.push(html`<strong>${inline(strong.slice(2, -2), image)}</strong>`);
    else if (emphasis) parts.push(html`<em>${inline(emphasis.slice(1, -1), image)}</em>`);
    else if (link) parts.push(linked(/^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(link)));
    else if (bare) parts.push(anchor(bare, bare));
    rest = rest.slice(match.index + whole.length);
  }
  parts.push(rest);
  return parts;
}

const linked = ([whole, label, target]) => (SAFE.test(target) ? anchor(target, label) : whole);
const anchor = (target, label) => html`<a href=${target} target="_blank" rel="noopener noreferrer">${label}</a>`;

/** An image, or what stands for it: a link, or its text as it was written. */
function picture(whole, image) {
  const [, name, target] = /^!\[([^\]]*)\]\(([^)\s]+)\)$/.exec(whole);
  return image?.(target, name) || linked([whole, name || target, target]);
}

/** A line of a table: cells between bars. */
const cells = (line) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
const RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const isTable = (line, next) => line.includes("|") && next !== undefined && next.includes("-") && RULE.test(next);

function table(head, rule, rows, say) {
  const sides = cells(rule).map((cell) => (cell.endsWith(":") ? "num" : undefined));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table"><table class="list">
    <thead><tr>${cells(head).map((cell, at) => html`<th class=${sides[at]}>${say(cell)}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr>${cells(row).map((cell, at) => html`<td class=${sides[at]}>${say(cell)}</td>`)}</tr>`,
    )}</tbody></table></div>`;
}

const LIST = /^\s*([-*+]|\d+[.)])\s+/;

/**
 * The blocks of a note.
 * @param {{text: string, image?: (target: string, name: string) => any}} props `image` shows one; null if it cannot
 */
export function Markdown({ text, image }) {
  const say = (part) => inline(part, image);
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
      blocks.push(html`<pre tabindex="0">${highlighted(code.join("\n"), languageNamed(line.slice(3).trim()))}</pre>`);
    } else if (isTable(line, lines[0])) {
      const rule = lines.shift();
      blocks.push(
        table(
          line,
          rule,
          take(lines, (next) => next.trim() && next.includes("|")),
          say,
        ),
      );
    } else if (heading) {
      blocks.push(heading[1].length === 1 ? html`<h2>${say(heading[2])}</h2>` : html`<h3>${say(heading[2])}</h3>`);
    } else if (LIST.test(line)) {
      const items = [line, ...take(lines, (line) => LIST.test(line))].map(
        (line) => html`<li>${say(line.replace(LIST, ""))}</li>`,
      );
      blocks.push(/^\s*\d/.test(line) ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`);
    } else if (line.startsWith(">")) {
      const quoted = [line, ...take(lines, (line) => line.startsWith(">"))].map((line) => line.replace(/^>\s?/, ""));
      blocks.push(html`<blockquote>${say(quoted.join(" "))}</blockquote>`);
    } else {
      const more = take(lines, (next) => next.trim() && !/^(#{1,6}\s|```|>)/.test(next) && !LIST.test(next));
      blocks.push(html`<p>${say([line, ...more].join(" "))}</p>`);
    }
  }
  return html`<div class="note">${blocks}</div>`;
}

/** What follows the marks of a block of code, as the ending of a file. */
const languageNamed = (word) => ({ python: "py", javascript: "js", shell: "sh" })[word] || word;

function take(lines, test) {
  const end = lines.findIndex((line) => !test(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}
