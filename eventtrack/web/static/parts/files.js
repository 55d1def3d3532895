/** The files of a run: a tree, and a look into text, tables, images and sound. Nothing of them is executed. */
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { artifact, artifactUrl, mlflow } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bytes } from "../lib/format.js";
import { Markdown } from "../lib/markdown.js";
import { route, setQuery } from "../lib/route.js";
import { at } from "../lib/past.js";
import { Empty, Failed, Loaded, Loading } from "./states.js";

// What is fetched of a text, and of an image.
const TEXT_MAX = 262144;
const IMAGE_MAX = 20e6;
const IMAGES = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  bmp: "image/bmp",
};
// Played from the server as they come: as a video or as sound, whatever they say they are.
const VIDEOS = ["mp4", "webm", "ogv", "mov"];
const SOUNDS = ["wav", "mp3", "ogg", "flac", "m4a"];
// Rows and columns of a table that are shown.
const ROWS_MAX = 500;
const COLUMNS_MAX = 50;
const ending = (path) => path.split(".").pop().toLowerCase();
const list = (runId, path) =>
  mlflow.get("artifacts/list", { run_id: runId, path }).then((answer) => answer.files || []);

export function Files({ runId }) {
  const asked = useData(["files", runId], () => list(runId, ""));
  const { file = "" } = route.value.query;
  return html`${
    at.value &&
    html`<p
    class="quiet">The files are those of now: MLflow's list of them knows no moments.</p>`
  }
    <${Loaded} asked=${asked} what="Listing files">${(files) =>
      files.length === 0
        ? html`<${Empty} title="No files were logged."><p>
          <code>log_artifact</code>, <code>log_figure</code> and their like put files here.</p><//>`
        : html`<div class="files"><div><${Tree} runId=${runId} files=${files} chosen=${file} /></div>
        <div class="preview">
          ${
            file
              ? html`<${Preview} key=${file} runId=${runId} path=${file} />`
              : html`<p
          class="quiet">Choose a file to look into it.</p>`
          }</div></div>`}<//>`;
}

const Tree = ({ runId, files, chosen }) =>
  html`<ul>${files.map(
    (entry) => html`<li key=${entry.path}>
  ${
    entry.is_dir
      ? html`<${Folder} runId=${runId} path=${entry.path} chosen=${chosen} />`
      : html`<button class="plain" aria-pressed=${entry.path === chosen}
        onClick=${() => setQuery({ file: entry.path }, { push: true })}>${entry.path.split("/").pop()}</button>
        <span class="quiet">${bytes(entry.file_size)}</span>`
  }</li>`,
  )}</ul>`;

function Folder({ runId, path, chosen }) {
  const [open, setOpen] = useState(chosen.startsWith(`${path}/`));
  const asked = useData(open ? ["files", runId, path] : null, () => list(runId, path));
  return html`<button class="plain" aria-expanded=${open} onClick=${() => setOpen(!open)}>
    ${open ? "▾" : "▸"} ${path.split("/").pop()}/</button>
    ${
      open &&
      html`<${Loaded} asked=${asked}>
      ${(files) => html`<${Tree} runId=${runId} files=${files} chosen=${chosen} />`}<//>`
    }`;
}

function Preview({ runId, path }) {
  const kind = IMAGES[ending(path)];
  const url = artifactUrl(runId, path);
  const played = VIDEOS.includes(ending(path))
    ? html`<video controls src=${url} aria-label=${path}></video>`
    : SOUNDS.includes(ending(path))
      ? html`<audio controls src=${url} aria-label=${path}></audio>`
      : null;
  const asked = useData(played ? null : ["file", runId, path], async () => {
    const answer = await artifact(runId, path, kind ? IMAGE_MAX : TEXT_MAX);
    const whole = Number(answer.headers.get("content-range")?.split("/")[1] ?? NaN);
    return { body: await answer.arrayBuffer(), whole };
  });
  const name = path.split("/").pop();
  const top = useRef();
  // On a phone the files stand above the preview, perhaps hundreds of them.
  useEffect(() => top.current.scrollIntoView({ block: "nearest" }), []);
  return html`
    <div class="bar" ref=${top}><strong>${path}</strong><a href=${url} download=${name}>Download</a></div>
    ${
      played
        ? played
        : asked.error
          ? html`<${Failed} error=${asked.error} retry=${asked.reload} />`
          : !asked.data
            ? html`<${Loading} />`
            : kind
              ? html`<${Image} body=${asked.data.body} kind=${kind} name=${name} />`
              : html`<${Text} ...${asked.data} name=${name} />`
    }
  `;
}

/** Shown from memory as an image, whatever it says it is: scripts of an SVG do not run there. */
function Image({ body, kind, name }) {
  const [url, setUrl] = useState("");
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([body], { type: kind }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [body, kind]);
  if (broken) return html`<p class="quiet">This is no image that the browser can show.</p>`;
  return url && html`<img src=${url} alt=${name} onError=${() => setBroken(true)} />`;
}

function Text({ body, whole, name }) {
  const data = new Uint8Array(body);
  if (data.subarray(0, 1024).includes(0))
    return html`<p class="quiet">No preview: this is not text. Download it to look inside.</p>`;
  let text = new TextDecoder().decode(data);
  const cut = whole > data.length;
  const cutNote = cut && html`<p class="quiet">The first ${bytes(data.length)} of ${bytes(whole)}.</p>`;
  if (ending(name) === "md") return html`<${Markdown} text=${text} />${cutNote}`;
  if (["csv", "tsv"].includes(ending(name)))
    return html`<${Table} rows=${rowsOf(text, ending(name) === "csv" ? "," : "\t")} />${cutNote}`;
  if (name.endsWith(".json") && !cut) {
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // as it is, then
    }
  }
  return html`<pre tabindex="0">${text}</pre>${cutNote}`;
}

/** Rows of comma-separated values (RFC 4180): quoted fields may hold commas, line breaks and doubled quotes. */
function rowsOf(text, comma) {
  const rows = [[]];
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${comma}\\r\\n]*))(${comma}|\\r?\\n|$)`, "y");
  for (let match = field.exec(text); match && rows.length <= ROWS_MAX + 1; match = field.exec(text)) {
    const [whole, quoted, plain, end] = match;
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "" || whole === "") return rows;
    if (end !== comma) rows.push([]);
  }
  return rows;
}

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
