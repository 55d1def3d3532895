/** A series of text as a terminal shows it: following its end, with search, colours and folded progress bars. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { folded, overwritten, pieces, plain } from "../lib/ansi.js";
import { count, moment, number } from "../lib/format.js";

const NEAR_PX = 24;
// Of more lines that hold the searched text the last are drawn.
const FOUND_MAX = 2000;

/**
 * @param {object} props
 * @param {{text: string, source: string, step: number, timestamp: number}[]} props.items
 * @param {(word: string) => void} [props.onFind] hears what is searched
 */
export function Console({ items, name, onFind = () => {} }) {
  const [find, setFind] = useState("");
  const [opened, setOpened] = useState(new Set());
  const [follows, setFollows] = useState(true);
  const box = useRef();
  const word = find.toLowerCase();
  const groups = useMemo(() => folded(items, (item) => item.text), [items]);
  const matches = useMemo(
    () => (word ? items.filter((item) => plain(item.text).toLowerCase().includes(word)) : []),
    [items, word],
  );
  const shown = word ? matches.slice(-FOUND_MAX).map((item) => [item]) : groups;
  useEffect(() => {
    if (follows) box.current.scrollTop = box.current.scrollHeight;
  }, [items, follows, find]);
  const look = ({ target }) => setFollows(target.scrollTop + target.clientHeight > target.scrollHeight - NEAR_PX);
  const open = (key) => setOpened(new Set([...opened, key]));
  return html`<div class="console">
    <div class="bar"><input type="search" placeholder="Search the text" aria-label=${`Search ${name}`} value=${find}
      onInput=${(event) => {
        setFind(event.target.value);
        onFind(event.target.value);
      }} />
      ${
        word &&
        html`<span class="quiet" role="status">${count(matches.length, "line")}${
          matches.length > FOUND_MAX ? `, the last ${number(FOUND_MAX)} shown` : ""
        }</span>`
      }
      <label class="check"><input type="checkbox" checked=${follows}
        onChange=${(event) => setFollows(event.target.checked)} /> follow the end</label></div>
    <pre class="lines" tabindex="0" ref=${box} onScroll=${look} aria-label=${name} role="region">${shown.map(
      (group) => {
        const key = `${group[0].timestamp} ${group[0].step} ${plain(group[0].text).slice(0, 60)}`;
        const lines = group.length > 1 && !opened.has(key) ? group.slice(-1) : group;
        return html`${
          lines.length < group.length &&
          html`<button class="plain fold" onClick=${() => open(key)}>▸ ${number(group.length - 1)} earlier</button>`
        }${lines.map((item) => html`<${Line} item=${item} word=${word} />`)}`;
      },
    )}</pre></div>`;
}

const Line = ({ item, word }) => html`<span class=${item.source === "stderr" ? "stderr" : ""}
  title=${`step ${item.step}, ${moment(item.timestamp)}`}>${pieces(overwritten(item.text)).map(({ text, style }) =>
    style ? html`<span class=${style}>${marked(text, word)}</span>` : marked(text, word),
  )}${"\n"}</span>`;

/** A text with the searched word marked wherever it stands. */
function marked(text, word) {
  if (!word) return text;
  const lower = text.toLowerCase();
  const parts = [];
  let start = 0;
  for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, start)) {
    parts.push(text.slice(start, at), html`<mark>${text.slice(at, at + word.length)}</mark>`);
    start = at + word.length;
  }
  return [...parts, text.slice(start)];
}
