/** Lines of a terminal as a page shows them: colours, and only the end of what wrote over itself. */

const ESCAPE = "\u001b";
// Colours (SGR) are kept; movements of the cursor, titles and the like are taken out.
const SEQUENCE = new RegExp(
  `${ESCAPE}(?:\\[([0-9;:]*)([@-~])|\\][^\u0007${ESCAPE}]*(?:\u0007|${ESCAPE}\\\\)|[@-Z\\\\^_])`,
  "g",
);
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** What is left of a line that a program wrote over with `\r`: the last text that is not blank. */
export const overwritten = (line) => {
  if (!line.includes("\r")) return line;
  const parts = line.split("\r").filter((part) => part.trim());
  return parts.length ? parts.at(-1) : "";
};

/**
 * The pieces of a line, each with the names of its style.
 * @returns {{text: string, style: string}[]}
 */
export function pieces(line) {
  const result = [];
  let style = new Set();
  let start = 0;
  const push = (text) => text && result.push({ text, style: [...style].join(" ") });
  for (const match of line.matchAll(SEQUENCE)) {
    push(line.slice(start, match.index));
    start = match.index + match[0].length;
    if (match[2] === "m") style = styled(style, match[1]);
  }
  push(line.slice(start));
  return result;
}

/** A line without its colours. */
export const plain = (line) => line.replace(SEQUENCE, "");

function styled(before, codes) {
  const style = new Set(before);
  const drop = (kind) => style.forEach((name) => name.startsWith(kind) && style.delete(name));
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at];
    const tens = Math.floor(code / 10);
    if (code === 0) style.clear();
    else if (code === 1) style.add("ansi-bold");
    else if (code === 2) style.add("ansi-dim");
    else if (code === 3) style.add("ansi-italic");
    else if (code === 4) style.add("ansi-under");
    else if (code === 22) drop("ansi-bold"), drop("ansi-dim");
    else if (code === 38 || code === 48) {
      // 256 colours and true colour: the next numbers are theirs.
      drop(code === 38 ? "fore-" : "back-");
      const known = numbers[at + 1] === 5 ? NAMES[numbers[at + 2] % 8] : null;
      if (known && numbers[at + 2] < 16) style.add(`${code === 38 ? "fore" : "back"}-${known}`);
      at += numbers[at + 1] === 5 ? 2 : 4;
    } else if (tens === 3 || tens === 9) {
      drop("fore-");
      if (code % 10 < 8) style.add(`fore-${NAMES[code % 10]}`);
    } else if (tens === 4 || tens === 10) {
      drop("back-");
      if (code % 10 < 8) style.add(`back-${NAMES[code % 10]}`);
    }
  }
  return style;
}

// A bar says how much is done: a share, a count of a count, a speed, or blocks.
const BAR = /\d+(\.\d+)?\s*%|\d+\/\d+.*(it\/s|s\/it|B\/s|\[)|[█▏▎▍▌▋▊▉━#=]{4,}/;
const skeleton = (text) =>
  text.replace(/[\d.:,%?█▏▎▍▌▋▊▉━╸╺#=>\-\s]+/g, "").replace(/(it\/s|s\/it|[kMG]?B\/s|ms|s)/g, "");

/**
 * Lines in groups: a progress bar that was logged over and over is one group, of which the last line counts.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => string} textOf
 * @returns {T[][]}
 */
export function folded(items, textOf) {
  const groups = [];
  let last = null;
  for (const item of items) {
    const text = plain(overwritten(textOf(item)));
    const shape = BAR.test(text) ? skeleton(text) : null;
    if (shape !== null && shape === last) groups.at(-1).push(item);
    else groups.push([item]);
    last = shape;
  }
  return groups;
}
