/** The place in the address line, which holds all state that is worth sending to a colleague. */
import { signal } from "@preact/signals";

/** @typedef {{path: string[], query: Record<string, string>}} Route */

/** @returns {Route} */
function read() {
  const [path, query = ""] = splitOnce(location.hash.replace(/^#/, ""), "?");
  return {
    path: path.split("/").filter(Boolean).map(safeDecode),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function safeDecode(piece) {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece; // typed by hand, with a lone percent sign
  }
}

export const route = signal(read());

const follow = () => (route.value = read());
addEventListener("hashchange", follow);
addEventListener("popstate", follow);

/** The address of a page, at the moment that is shown; what is empty stays out of the query. */
export function link(path, query = {}) {
  const kept = Object.entries({ at: route.value.query.at, ...query }).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const asked = new URLSearchParams(kept).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${asked ? `?${asked}` : ""}`;
}

/** Change some of the query. A step that "back" should undo is pushed, others replace. */
export function setQuery(changes, { push = false } = {}) {
  const { path, query } = route.value;
  const address = link(path, { ...query, ...changes });
  // The same place again is no step: "back" would seem to do nothing.
  if (address === location.hash) return;
  if (push) history.pushState(null, "", address);
  else history.replaceState(history.state, "", address);
  follow();
}

export function go(path, query) {
  location.hash = link(path, query);
}
