/** Text, histograms and media over steps: a panel for each series, runs side by side, a slider for their steps. */

import { get, mediaUrl, mlflow } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { naturally } from "../lib/format.js";
import { imageSeries, tableFiles } from "../lib/imagefiles.js";
import { useLive } from "../lib/live.js";
import { route, setQuery } from "../lib/route.js";
import { html, useMemo } from "../lib/ui.js";
import { Empty, Loaded } from "./states.js";
import { Side, Steps } from "./steps.js";
import { Texts } from "./texts.js";

// Items of a series that are read at once, from its end back.
const PART = 1000;
const LINES = 200;
const FILES = "files of images";
const TABLES = "files of tables";
const LOGGED = "mlflow.loggedArtifacts";

/**
 * @param {{runs: object[], series: {kind: string, key: string}[][], tags?: Record<string, string>[]}} props
 *   the series of each of the runs, and their tags
 */
export function Items({ runs, series, tags = [] }) {
  const { find = "" } = route.value.query;
  const files = useImages(runs);
  const panels = useMemo(() => {
    const all = new Map(series.flat().map((item) => [`${item.kind}\n${item.key}`, item]));
    // Our own `log_image` keeps a series and the files: the series is shown.
    for (const part of files || [])
      for (const key of part.keys()) if (!all.has(`media\n${key}`)) all.set(`${FILES}\n${key}`, { kind: FILES, key });
    for (const [at, run] of runs.entries())
      for (const { path } of tableFiles(run.run_id, tags[at]?.[LOGGED] || "[]"))
        all.set(`${TABLES}\n${path}`, { kind: TABLES, key: path });
    return [...all.entries()].sort(([, a], [, b]) => byRank(a, b));
  }, [series, files, tags]);
  const shown = panels.filter(([, item]) => item.key.toLowerCase().includes(find.toLowerCase()));
  if (!panels.length)
    return html`<${Empty} title="No text, histograms or media.">
      <p><code>log_text_line</code>, <code>log_histogram</code>, <code>log_image(key=...)</code>,${" "}
      <code>log_table</code> and their like put series here.</p><//>`;
  return html`
    ${
      panels.length > 3 &&
      html`<p><input type="search" placeholder="Find series" aria-label="Find series" value=${find}
        onInput=${(event) => setQuery({ find: event.target.value })} /></p>`
    }
    ${
      shown.length
        ? shown.map(
            ([name, item]) => html`<section class="items" key=${name}><h2><bdi>${item.key}</bdi>
          <small>${item.kind}</small></h2>
          <${Panel} runs=${runs} kind=${item.kind} name=${item.key} files=${files} tags=${tags} /></section>`,
          )
        : html`<${Empty} title=${`No series is called like “${find}”.`} />`
    }`;
}

/** Images first, then tables and histograms, text last: it may be long. */
const RANKS = { [FILES]: 0, media: 0, [TABLES]: 1, histogram: 2, text: 3 };
/** Each kind in the order of its names. */
const byRank = (a, b) => (RANKS[a.kind] ?? 4) - (RANKS[b.kind] ?? 4) || naturally(a.key, b.key);

/** The images of each run that lie as files, by key; null until they are listed. */
function useImages(runs) {
  const ids = runs.map((run) => run.run_id);
  const asked = useData(["images", ids], () =>
    Promise.all(
      ids.map((id) =>
        mlflow
          .get("artifacts/list", { run_id: id, path: "images" })
          .then((answer) => imageSeries(id, answer.files || [])),
      ),
    ),
  );
  useLive((stream) => ids.includes(stream.slice(4)), asked.reload, 5000);
  return asked.data || null;
}

function Panel({ runs, kind, name, files, tags }) {
  if (kind === FILES) {
    const parts = runs.map((_, at) => partOf(files?.[at]?.get(name) || []));
    return html`<${Steps} runs=${runs} parts=${parts} kind="media" name=${name} />`;
  }
  if (kind === TABLES) {
    const parts = runs.map((run, at) =>
      partOf(tableFiles(run.run_id, tags[at]?.[LOGGED] || "[]").filter((file) => file.path === name)),
    );
    return html`<${Steps} runs=${runs} parts=${parts} kind="media" name=${name} />`;
  }
  return html`<${Series} runs=${runs} kind=${kind} name=${name} />`;
}

const partOf = (items) => ({ items, count: items.length, start: 0 });

/** One series: of text the last lines, of other kinds the items of the step that the slider chose. */
function Series({ runs, kind, name }) {
  const limit = kind === "text" ? LINES : PART;
  const ids = runs.map((run) => run.run_id);
  const asked = useData(["items", ids, kind, name], (options) =>
    Promise.all(
      ids.map((id) =>
        get("items", { run_id: id, kind, key: name, start: -limit, limit }, options).then((part) => ({
          ...part,
          items: kind === "media" ? part.items.map((item) => withUrl(id, item)) : part.items,
        })),
      ),
    ),
  );
  useLive((stream) => ids.includes(stream.slice(4)), asked.reload, 1000);
  return html`<${Loaded} asked=${asked} what="Reading the series">${(parts) =>
    kind === "text"
      ? html`<${Side} runs=${runs} parts=${parts}>${(part, run) =>
          html`<${Texts} part=${part} run=${run} name=${name}
            label=${runs.length > 1 ? `${name} of ${run.run_name}` : name} />`}<//>`
      : html`<${Steps} runs=${runs} parts=${parts} kind=${kind} name=${name} />`}<//>`;
}

const withUrl = (runId, item) => ({ ...item, run_id: runId, url: mediaUrl(runId, item.sha256) });
