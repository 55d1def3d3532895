/** A look into a file: text, code, tables, notebooks, pages, images, sound. Nothing of it is executed. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { artifact, artifactUrl, pageUrl } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bytes, number } from "../lib/format.js";
import { highlighted, isCode } from "../lib/highlight.js";
import { useLive } from "../lib/live.js";
import { Markdown } from "../lib/markdown.js";
import { arrayOf } from "../lib/npy.js";
import { linesOf } from "../lib/table.js";
import { Notebook, notebookOf } from "./notebook.js";
import { imageKind, Picture, picturesOf } from "./picture.js";
import { Failed, Loading } from "./states.js";

// What is fetched of a text, of what has to be whole to be read, and of an image.
const TEXT_MAX = 262144;
const WHOLE_MAX = 20e6;
// Played from the server as they come: as a video or as sound, whatever they say they are.
const VIDEOS = ["mp4", "webm", "ogv", "mov"];
const SOUNDS = ["wav", "mp3", "ogg", "flac", "m4a"];
// Shown in a frame, by the server's leave: without scripts, and without an origin.
const PAGES = ["html", "htm", "pdf"];
// Read from their beginnings. All other texts grow at their ends, and are read from there.
const TABLES = ["csv", "tsv"];
const READ_FROM_TOP = ["md", "npy", ...TABLES];
const FOLLOW_MS = 1000;
// Rows and columns of a table that are shown.
const ROWS_MAX = 500;
const COLUMNS_MAX = 50;
const ending = (path) => path.split(".").pop().toLowerCase();

/** @param {{runId: string, path: string}} props */
export function Preview({ runId, path }) {
  const kind = ending(path);
  const url = artifactUrl(runId, path);
  const name = path.split("/").pop();
  const top = useRef();
  // On a phone the files stand above the preview, perhaps hundreds of them.
  useEffect(() => top.current.scrollIntoView({ block: "nearest" }), []);
  const [source, setSource] = useState(false);
  const framed = PAGES.includes(kind) && !source;
  return html`
    <div class="bar" ref=${top}><strong>${path}</strong><a href=${url} download=${name}>Download</a>
      ${
        PAGES.includes(kind) &&
        html`<a href=${pageUrl(runId, path)} target="_blank" rel="noopener noreferrer">Open in a tab</a>
        ${
          kind !== "pdf" &&
          html`<button class="plain" aria-pressed=${source} onClick=${() => setSource(!source)}>Source</button>`
        }`
      }</div>
    ${
      framed
        ? html`<iframe class="framed" sandbox=${kind === "pdf" ? undefined : ""} src=${pageUrl(runId, path)}
            title=${path}></iframe>`
        : VIDEOS.includes(kind)
          ? html`<video controls src=${url} aria-label=${path}></video>`
          : SOUNDS.includes(kind)
            ? html`<audio controls src=${url} aria-label=${path}></audio>`
            : html`<${Fetched} key=${source} runId=${runId} path=${path} />`
    }
  `;
}

/** Bytes from the beginning or from the end of a file; `start` is where they begin in it. */
async function part(runId, path, range) {
  const answer = await artifact(runId, path, range);
  const [, from, whole] = /(\d+)-\d+\/(\d+)$/.exec(answer.headers.get("content-range") || "") || [];
  const body = await answer.arrayBuffer();
  return { body, start: Number(from || 0), whole: Number(whole ?? body.byteLength) };
}

function Fetched({ runId, path }) {
  const kind = ending(path);
  const isWhole = Boolean(imageKind(path)) || ["json", "ipynb"].includes(kind);
  const [fromTop, setFromTop] = useState(READ_FROM_TOP.includes(kind) || isCode(kind));
  const range = isWhole ? `0-${WHOLE_MAX - 1}` : fromTop ? `0-${TEXT_MAX - 1}` : `-${TEXT_MAX}`;
  const asked = useData(["file", runId, path, range], () => part(runId, path, range));
  // A file that is logged anew while it grows is followed.
  useLive((stream) => stream === `run/${runId}`, asked.reload, FOLLOW_MS);
  if (asked.error) return html`<${Failed} error=${asked.error} retry=${asked.reload} />`;
  if (!asked.data) return html`<${Loading} />`;
  const name = path.split("/").pop();
  if (imageKind(path)) return html`<${Picture} body=${asked.data.body} kind=${imageKind(path)} name=${name} />`;
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const turns = { onTop: () => setFromTop(true), onEnd: () => setFromTop(false) };
  return html`<${Text} ...${asked.data} kind=${kind} image=${picturesOf(runId, folder)} ...${turns} />`;
}

function Text({ body, start, whole, kind, image, onTop, onEnd }) {
  const data = new Uint8Array(body);
  const array = kind === "npy" && arrayOf(body, COLUMNS_MAX);
  if (array) return html`<${Numbers} ...${array} />`;
  if (data.subarray(0, 1024).includes(0))
    return html`<p class="quiet">No preview: this is not text. Download it to look inside.</p>`;
  let text = new TextDecoder().decode(data);
  // The first line of an end is most likely a part of one.
  if (start) text = text.slice(text.indexOf("\n") + 1);
  const part = html`<${Part} read=${data.length} start=${start} whole=${whole} onTop=${onTop} onEnd=${onEnd} />`;
  if (kind === "md") return html`<${Markdown} text=${text} image=${image} />${part}`;
  if (TABLES.includes(kind))
    return html`<${Table} rows=${linesOf(text, kind === "csv" ? "," : "\t", ROWS_MAX)} />${part}`;
  const notebook = kind === "ipynb" && notebookOf(text);
  if (notebook) return html`<${Notebook} notebook=${notebook} />`;
  if (kind === "json" && data.length === whole) return html`<${Json} text=${text} />`;
  return html`${part}<${Lines} text=${text} kind=${kind} follows=${start + data.length >= whole} />`;
}

/** How much of a file is shown, and the way to the rest. */
const Part = ({ read, start, whole, onTop, onEnd }) =>
  read < whole &&
  html`<p class="quiet">${start ? "The last" : "The first"} ${bytes(read)} of ${bytes(whole)}.
    <button class="plain" onClick=${start ? onTop : onEnd}>
      ${start ? "Show the beginning" : "Show the end"}</button></p>`;

/** Lines that stay at their end while they grow, unless somebody scrolled up. */
function Lines({ text, kind, follows }) {
  const box = useRef();
  const atEnd = useRef(true);
  const shown = !isCode(kind) && follows;
  useLayoutEffect(() => {
    if (shown && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text, shown]);
  const scroll = ({ target }) => (atEnd.current = target.scrollTop + target.clientHeight > target.scrollHeight - 8);
  return html`<pre tabindex="0" ref=${box} onScroll=${scroll}>${highlighted(text, kind)}</pre>`;
}

function Json({ text }) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return html`<${Lines} text=${text} kind="json" />`;
  }
  // As `log_table` writes tables.
  const rows = value?.data;
  if (Array.isArray(value?.columns) && Array.isArray(rows) && rows.every(Array.isArray))
    return html`<${Table} rows=${[value.columns, ...rows].map((row) => row.map(cellOf))} />`;
  return html`<${Lines} text=${JSON.stringify(value, null, 2)} kind="json" />`;
}

const Numbers = ({ type, shape, rows, from }) => html`
  <p>${type}, shape (${shape.join(", ")}) <span class="quiet">${from && `the values at ${from}, `}${
    rows.length ? `the first ${rows.length} × ${rows[0].length}` : "no preview of such values"
  }</span></p>
  <div class="scroll" tabindex="0" role="region" aria-label="The array as a table"><table class="list">
    <tbody>${rows.map(
      (row) => html`<tr>${row.map((value) => html`<td class="num">${shown(value)}</td>`)}</tr>`,
    )}</tbody></table></div>`;

const shown = (value) => (typeof value === "number" ? number(value) : String(value));

const cellOf = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

function Table({ rows: [head, ...rows] }) {
  const filled = rows.filter((row) => row.length > 1 || row[0]);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="The file as a table"><table class="list">
      <thead><tr>${head.slice(0, COLUMNS_MAX).map((cell) => html`<th>${cell}</th>`)}</tr></thead>
      <tbody>${filled.slice(0, ROWS_MAX).map(
        (row) =>
          html`<tr>${row.slice(0, COLUMNS_MAX).map(
            (cell) => html`<td>
        ${cell}</td>`,
          )}</tr>`,
      )}</tbody></table></div>
    ${
      (filled.length > ROWS_MAX || head.length > COLUMNS_MAX) &&
      html`<p
      class="quiet">The first ${ROWS_MAX} rows and ${COLUMNS_MAX} columns.</p>`
    }`;
}
