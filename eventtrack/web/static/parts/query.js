/** The box for a filter: completes names and values, and shows beside it why one cannot be read. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { written } from "../lib/fields.js";
import { route, setQuery } from "../lib/route.js";

const SHOWN = 8;
const ATTRIBUTES = [
  "attributes.status",
  "attributes.run_name",
  "attributes.start_time",
  "attributes.end_time",
  "attributes.user_id",
  "attributes.run_id",
];
const STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];
const KINDS = ["metrics.", "params.", "tags.", "attributes."];
const NUMBERS = ["<", "<=", ">", ">=", "=", "!="];
const TEXTS = ["=", "!=", "LIKE", "ILIKE", "IN"];
// Of params and tags, which may be either.
const MIXED = ["=", "!=", "<", "<=", ">", ">=", "LIKE", "IN"];
const JOINTS = ["AND", "OR"];

const FIELD = "(?:[a-z_]+\\.(?:`(?:[^`]|``)*`|[\\w./:-]+))";
const AT_NAME = /[a-z_]*(?:\.(?:`(?:[^`]|``)*|[\w./:-]*))?$/i;
const AT_VALUE = new RegExp(`(${FIELD})\\s*(?:=|!=|LIKE|ILIKE|IN\\s*\\((?:[^)]*,)?)\\s*'([^']*)$`, "i");
const AT_OPERATOR = new RegExp(`${FIELD}\\s+([a-z<>=!]*)$`, "i");
const AT_JOINT = new RegExp(`${FIELD}\\s*(?:[<>=!]+|I?LIKE)\\s*(?:'[^']*'|[\\d.e+-]+)\\s+([a-z]*)$`, "i");

/**
 * What may stand where the text ends.
 * @param {string} text up to the cursor
 * @returns {{start: number, words: string[]}} where a choice begins, and the choices
 */
export function completions(text, names, valuesOf) {
  const inValue = AT_VALUE.exec(text);
  if (inValue) {
    const begun = inValue[2];
    return {
      start: text.length - begun.length,
      words: matching(valuesOf(inValue[1]), begun).map((word) => `${word.replaceAll("'", "''")}' `),
    };
  }
  // An open quote is a text of its own, which nothing can complete.
  if ((text.replace(/`(?:[^`]|``)*`/g, "").match(/'/g) || []).length % 2) return { start: 0, words: [] };
  const joint = AT_JOINT.exec(text);
  if (joint)
    return { start: text.length - joint[1].length, words: matching(JOINTS, joint[1]).map((word) => `${word} `) };
  const operator = AT_OPERATOR.exec(text);
  if (operator && !/^(AND|OR|NOT)$/i.test(operator[0].trim())) {
    const mixed = /^(params|tags)\./i.test(operator[0]);
    const numeric = /^(metrics\.|attributes\.(start|end)_time)/i.test(operator[0]);
    return {
      start: text.length - operator[1].length,
      words: matching(numeric ? NUMBERS : mixed ? MIXED : TEXTS, operator[1]).map((word) => `${word} `),
    };
  }
  const [begun] = AT_NAME.exec(text);
  if (!begun)
    return { start: text.length, words: /(^|[\s(])$/.test(text) && /(^|AND|OR|NOT|\()\s*$/i.test(text) ? KINDS : [] };
  const kinds = begun.includes(".") ? [] : KINDS.filter((kind) => kind.startsWith(begun.toLowerCase()));
  return {
    start: text.length - begun.length,
    words: [...kinds, ...matching(names, begun.replace("`", "")).map((word) => `${word} `)],
  };
}

/** Those that begin so first, then those that have it anywhere; what is written out already is no help. */
function matching(words, begun) {
  const low = begun.toLowerCase();
  const plain = (word) => word.toLowerCase().replaceAll("`", "");
  const matches = words.filter((word) => plain(word).includes(low) && word !== begun);
  return [
    ...matches.filter((word) => plain(word).startsWith(low)),
    ...matches.filter((word) => !plain(word).startsWith(low)),
  ].slice(0, SHOWN);
}

/** Sent when it is entered, not with each letter: half a filter is an error. */
export function Query({ q, known, error, rows }) {
  const [text, setText] = useState(q);
  const [offered, setOffered] = useState({ start: 0, words: [] });
  const [chosen, setChosen] = useState(-1);
  const field = useRef();
  useLayoutEffect(() => setText(q), [q]);
  const names = useMemo(
    () => [
      ...["metrics", "params", "tags"].flatMap((kind) => (known?.[kind] || []).map((key) => written(`${kind}.${key}`))),
      ...ATTRIBUTES,
    ],
    [known],
  );
  const valuesOf = (name) => {
    if (name.toLowerCase() === "attributes.status") return STATUSES;
    const values = new Set();
    for (const row of rows.values()) {
      for (const column in row.cells)
        if (written(column) === name && typeof row.cells[column] === "string") values.add(row.cells[column]);
      if (name === "attributes.run_name") values.add(row.run_name);
      if (values.size > 200) break;
    }
    return [...values].sort();
  };
  const asks = useRef(false); // some words are offered, or none is known yet
  const close = () => {
    asks.current = false;
    setOffered({ start: 0, words: [] });
    setChosen(-1);
  };
  const offer = ({ target }) => {
    asks.current = true;
    setChosen(-1);
    const before = target.value.slice(0, target.selectionStart ?? target.value.length);
    setOffered(completions(before, names, valuesOf));
  };
  useEffect(() => {
    // Values may come when somebody has begun to type.
    if (asks.current && chosen < 0) offer({ target: field.current });
  }, [rows]);
  const take = (word) => {
    const end = field.current.selectionStart ?? text.length;
    const head = text.slice(0, offered.start) + word;
    const next = head + text.slice(end).replace(/^ /, word.endsWith(" ") ? "" : " ");
    setText(next);
    // At once: the next key may come before the next frame.
    field.current.value = next;
    field.current.focus();
    field.current.setSelectionRange(head.length, head.length);
    offer({ target: field.current });
  };
  const enter = (filter) => {
    // "All that match" would be others.
    const sel = route.value.query.sel?.startsWith("*") ? "" : route.value.query.sel;
    setQuery({ q: filter, sel }, { push: true });
  };
  const send = (event) => {
    event.preventDefault();
    close();
    enter(text.trim());
  };
  const keys = (event) => {
    const many = offered.words.length;
    if (!many) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setChosen((chosen + step + many + (chosen < 0 && step < 0 ? 1 : 0)) % many);
    else if (event.key === "Enter" && chosen >= 0) take(offered.words[chosen]);
    // Where nothing is typed, the key leads out of the box.
    else if (event.key === "Tab" && !event.shiftKey && (chosen >= 0 || text.trim()))
      take(offered.words[Math.max(chosen, 0)]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const open = offered.words.length > 0;
  return html`
    <form class="bar query" onSubmit=${send}>
      <div class="grow">
        <input type="search" data-focus ref=${field} value=${text} spellcheck="false" autocomplete="off"
          aria-label="Filter in MLflow's language"
          role="combobox" aria-expanded=${open} aria-controls="query-words" aria-autocomplete="list"
            aria-invalid=${error ? "true" : undefined}
          aria-describedby=${error ? "query-problem" : undefined} aria-activedescendant=${
            chosen >= 0 ? `query-word-${chosen}` : undefined
          }
          placeholder="a name, or metrics.loss < 0.1 AND params.lr < 0.01"
          onInput=${(event) => {
            setText(event.target.value);
            offer(event);
          }}
          onFocus=${offer} onBlur=${close} onKeyDown=${keys}
          onSearch=${(event) => !event.target.value && enter("")} />
        ${
          open &&
          html`<ul id="query-words" role="listbox" aria-label="What may stand here">${offered.words.map(
            (word, at) => html`
          <li key=${word} id=${`query-word-${at}`} role="option" aria-selected=${at === chosen} onMouseDown=${(
            event,
          ) => {
            event.preventDefault();
            take(word);
          }}>${word}</li>`,
          )}</ul>`
        }
      </div>
      <button data-pending=${text.trim() !== q}>Search</button>
    </form>
    ${
      error &&
      html`<div class="problem" id="query-problem" role="alert">${
        error.message.includes("\n")
          ? html`<pre tabindex="0">
      ${error.message}</pre>`
          : error.message
      }${error.hint ? html`<div>${error.hint}</div>` : ""}</div>`
    }
  `;
}
