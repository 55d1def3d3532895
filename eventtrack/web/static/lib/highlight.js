/**
 * Code as coloured pieces: comments, texts, numbers and the words of a language. It knows no grammar:
 * what it does not know stays plain, and every letter of the text is kept.
 */
import { html } from "./ui.js";

const WORDS = {
  py: [
    "and as assert async await break class continue def del elif else except False finally for from",
    "global if import in is lambda None nonlocal not or pass raise return True try while with yield match",
    "case",
  ],
  js: [
    "async await break case catch class const continue default delete do else export extends false",
    "finally for function if import in instanceof let new null of return static super switch this throw",
    "true try typeof undefined var void while yield interface type enum",
  ],
  sh: ["case do done elif else esac export fi for function if in local return set then until while"],
  c: [
    "auto bool break case char class const continue default delete do double else enum extern false float",
    "for if inline int long namespace new nullptr private protected public return short signed sizeof",
    "static struct switch template this throw true try typedef typename union unsigned using virtual void",
    "volatile while fn let mut impl pub use mod match trait func package import var type interface go",
    "chan defer range",
  ],
  sql: [
    "select from where and or not insert into values update set delete create table index join left right",
    "inner on group by order having limit as null is in between like",
  ],
  plain: ["true false null yes no on off none"],
};
const HASH = "#[^\\n]*";
const SLASHES = "//[^\\n]*|/\\*[\\s\\S]*?(?:\\*/|$)";
const QUOTES = "\"(?:[^\"\\\\\\n]|\\\\.)*\"?|'(?:[^'\\\\\\n]|\\\\.)*'?";
const TRIPLE = "\"\"\"[\\s\\S]*?(?:\"\"\"|$)|'''[\\s\\S]*?(?:'''|$)";
const BACK = "`(?:[^`\\\\]|\\\\.)*`?";
const NUMBERS = "\\b(?:0x[\\da-fA-F]+|\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b";

/** Comments and texts of each kind of file; keys are the endings of names. */
const LANGUAGES = {
  py: [HASH, `${TRIPLE}|${QUOTES}`, "py"],
  js: [SLASHES, `${QUOTES}|${BACK}`, "js"],
  sh: [HASH, QUOTES, "sh"],
  c: [SLASHES, QUOTES, "c"],
  sql: ["--[^\\n]*", QUOTES, "sql"],
  json: ["(?!)", QUOTES, "plain"],
  yaml: [HASH, QUOTES, "plain"],
};
const SAME = { ts: "js", jsx: "js", tsx: "js", mjs: "js", bash: "sh", zsh: "sh", r: "py", pyi: "py", yml: "yaml" };
for (const name of ["toml", "ini", "cfg", "conf", "env", "properties"]) SAME[name] = "yaml";
for (const name of ["h", "cc", "cpp", "hpp", "cu", "cuh", "java", "go", "rs", "kt", "scala", "swift", "proto"])
  SAME[name] = "c";
for (const name of ["jsonl", "ipynb"]) SAME[name] = "json";

// Longer texts are shown plain: elements by the hundred thousand would take seconds.
const LENGTH_MAX = 200_000;

const languageOf = (ending) => LANGUAGES[SAME[ending] || ending];

export const isCode = (ending) => Boolean(languageOf(ending));

/** @returns {any} the text, in pieces where its kind is known */
export function highlighted(text, ending) {
  const language = languageOf(ending);
  if (!language || text.length > LENGTH_MAX) return text;
  const [comments, texts, words] = language;
  const known = new Set(WORDS[words].join(" ").split(" "));
  const pattern = new RegExp(`(${comments})|(${texts})|(${NUMBERS})|([A-Za-z_][\\w]*)`, "g");
  const pieces = [];
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    const [whole, comment, quoted, number, word] = match;
    if (whole === "" || (word && !known.has(words === "sql" ? word.toLowerCase() : word))) continue;
    if (match.index > last) pieces.push(text.slice(last, match.index));
    const kind = comment ? "comment" : quoted ? "text" : number ? "number" : "word";
    pieces.push(html`<span class=${`code-${kind}`}>${whole}</span>`);
    last = match.index + whole.length;
  }
  pieces.push(text.slice(last));
  return pieces;
}
