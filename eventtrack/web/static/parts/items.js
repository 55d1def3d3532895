/** Text, histograms and media over steps: a panel for each series, runs side by side, a slider for their steps. */

import { get, mediaUrl } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bytes, moment, number } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { route, setQuery } from "../lib/route.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { Empty, Loaded } from "./states.js";

// Items of a series that are read at once, from its end back.
const PART = 1000;
const LINES = 200;
const BARS = { width: 320, height: 120 };

/**
 * @param {{runs: {run_id: string, run_name: string}[], series: {kind: string, key: string}[][]}} props
 *   the series of each of the runs
 */
export function Items({ runs, series }) {
  const { find = "" } = route.value.query;
  const names = useMemo(() => {
    const all = new Map(series.flat().map((item) => [`${item.kind}\n${item.key}`, item]));
    return [...all.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  }, [series]);
  const shown = names.filter(([, item]) => item.key.toLowerCase().includes(find.toLowerCase()));
  if (!names.length)
    return html`<${Empty} title="No text, histograms or media.">
      <p><code>log_text_line</code>, <code>log_histogram</code>, <code>log_image(key=...)</code> and their like
      put series here.</p><//>`;
  return html`
    ${
      names.length > 3 &&
      html`<p><input type="search" placeholder="Find series" aria-label="Find series" value=${find}
        onInput=${(event) => setQuery({ find: event.target.value })} /></p>`
    }
    ${
      shown.length
        ? shown.map(([name, one]) => html`<${Panel} key=${name} runs=${runs} kind=${one.kind} name=${one.key} />`)
        : html`<${Empty} title=${`No series is called like “${find}”.`} />`
    }`;
}

/** One series: of text the last lines, of other kinds the items of the step that the slider chose. */
function Panel({ runs, kind, name }) {
  const [limit, setLimit] = useState(kind === "text" ? LINES : PART);
  const ids = runs.map((run) => run.run_id);
  const asked = useData(["items", ids, kind, name, limit], (options) =>
    Promise.all(
      ids.map((id) =>
        get("items", { run_id: id, kind, key: name, start: -limit, limit: Math.min(limit, PART) }, options),
      ),
    ),
  );
  useLive((stream) => ids.includes(stream.slice(4)), asked.reload, 1000);
  return html`<section class="items"><h3>${name} <small>${kind}</small></h3>
    <${Loaded} asked=${asked} what="Reading the series">${(parts) =>
      kind === "text"
        ? html`<${Texts} runs=${runs} parts=${parts} more=${limit < PART ? () => setLimit(PART) : null} />`
        : html`<${Steps} runs=${runs} parts=${parts} kind=${kind} name=${name} />`}<//></section>`;
}

const Texts = ({ runs, parts, more }) => html`
  ${more && parts.some((part) => part.start > 0) && html`<p><button onClick=${more}>Earlier lines</button></p>`}
  <${Side} runs=${runs} parts=${parts}>${(part) =>
    html`${
      part.start > 0 &&
      html`<p class="quiet">Lines ${part.start + 1} to ${part.start + part.items.length}
      of ${part.count}.</p>`
    }
      <${Lines} items=${part.items} />`}<//>`;

/** Lines, scrolled to the last of them as long as nobody scrolls back. */
function Lines({ items }) {
  const box = useRef();
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current) box.current.scrollTop = box.current.scrollHeight;
  }, [items]);
  const look = ({ target }) => {
    follows.current = target.scrollTop + target.clientHeight > target.scrollHeight - 20;
  };
  return html`<pre class="lines" tabindex="0" ref=${box} onScroll=${look}>${items.map(
    (item) => html`<span class=${item.source === "stderr" ? "stderr" : ""}
      title=${`step ${item.step}, ${moment(item.timestamp)}`}>${`${item.text}\n`}</span>`,
  )}</pre>`;
}

function Steps({ runs, parts, kind, name }) {
  const steps = useMemo(
    () => [...new Set(parts.flatMap((part) => part.items.map((item) => item.step)))].sort((a, b) => a - b),
    [parts],
  );
  const [chosen, setChosen] = useState(null);
  const at = chosen === null ? steps.length - 1 : Math.min(chosen, steps.length - 1);
  const Item = kind === "histogram" ? Bars : Medium;
  const cut = parts.some((part) => part.start > 0);
  return html`
    <label class="check">step <input type="range" min="0" max=${Math.max(steps.length - 1, 0)} value=${at}
      aria-label=${`Step of ${name}`} aria-valuetext=${`step ${steps[at]}`}
      onInput=${(event) => setChosen(Number(event.target.value))} />
      <output>${number(steps[at])}</output></label>
    ${cut && html`<p class="quiet">The latest ${PART} items.</p>`}
    <${Side} runs=${runs} parts=${parts}>${(part, run) => {
      const reached = part.items.filter((item) => item.step <= steps[at]);
      const step = reached.reduce((most, item) => Math.max(most, item.step), -Infinity);
      const items = reached.filter((item) => item.step === step);
      return items.length
        ? items.map((item) => html`<${Item} item=${item} runId=${run.run_id} label=${`${name}, step ${item.step}`} />`)
        : html`<p class="quiet">Nothing up to this step.</p>`;
    }}<//>`;
}

const Side = ({ runs, parts, children }) =>
  html`<div class="side">${runs.map(
    (run, at) => html`<div key=${run.run_id}>
    ${runs.length > 1 && html`<h4>${run.run_name}</h4>`}
    ${parts[at].count ? children(parts[at], run) : html`<p class="quiet">Not logged.</p>`}</div>`,
  )}</div>`;

/** A histogram as bars as wide as their stretches. */
function Bars({ item: { edges, counts, step }, label }) {
  const low = edges[0];
  const reach = edges.at(-1) - low || 1;
  const dense = counts.map((count, at) => count / (edges[at + 1] - edges[at] || reach));
  const most = Math.max(...dense, 0) || 1;
  const x = (edge) => ((edge - low) / reach) * BARS.width;
  const sum = counts.reduce((all, count) => all + count, 0);
  return html`<figure>
    <svg class="bars" role="img" aria-label=${label} viewBox=${`0 0 ${BARS.width} ${BARS.height}`}>${dense.map(
      (height, at) => html`<rect x=${x(edges[at])} width=${Math.max(x(edges[at + 1]) - x(edges[at]), 0.5)}
        y=${BARS.height * (1 - Math.max(height, 0) / most)} height=${(BARS.height * Math.max(height, 0)) / most}>
        <title>${`${number(counts[at])} in ${number(edges[at])} to ${number(edges[at + 1])}`}</title></rect>`,
    )}</svg>
    <figcaption class="quiet">${number(low)} to ${number(edges.at(-1))}, ${number(sum)} values, step ${number(step)}
    </figcaption></figure>`;
}

function Medium({ item, runId, label }) {
  const url = mediaUrl(runId, item.sha256);
  const kind = item.media_type.split("/")[0];
  const text = item.caption || label;
  return html`<figure>
    ${
      kind === "image"
        ? html`<img src=${url} alt=${text} loading="lazy" />`
        : kind === "video"
          ? html`<video controls src=${url} aria-label=${text}></video>`
          : kind === "audio"
            ? html`<audio controls src=${url} aria-label=${text}></audio>`
            : item.media_type === "text/html"
              ? html`<${Page} url=${url} label=${text} />`
              : html`<p>${item.name || item.media_type}</p>`
    }
    <figcaption>${item.caption} <a href=${url} download=${item.name || item.sha256.slice(0, 12)}>Download</a>
      <span class="quiet"> ${bytes(item.size)}, step ${number(item.step)}</span></figcaption></figure>`;
}

/** A logged page, in a sandbox: no script of it runs, and it has no origin. */
function Page({ url, label }) {
  const asked = useData(["page", url], async (options) => (await fetch(url, options)).text(), { always: true });
  const framed = (text) => html`<iframe sandbox="" srcdoc=${text} title=${label}></iframe>`;
  return html`<${Loaded} asked=${asked}>${framed}<//>`;
}
