/** The files of a run at the moment that is shown: a tree, a look into each, and folders as ZIP. */
import { html, useEffect, useState } from "../lib/ui.js";
import { folderUrl, get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bytes } from "../lib/format.js";
import { useLive } from "../lib/live.js";
import { route, setQuery } from "../lib/route.js";
import { Preview } from "./preview.js";
import { Empty, Loaded } from "./states.js";

// Lists are asked for anew at most this often while a run logs files.
const PAUSE_MS = 2000;
const list = (runId, path, options) => get("files", { run_id: runId, path }, options).then((answer) => answer.files);

export function Files({ runId }) {
  const asked = useData(["files", runId], (options) => list(runId, "", options));
  useLive((stream) => stream === `run/${runId}`, asked.reload, PAUSE_MS);
  const { file = "" } = route.value.query;
  return html`<${Loaded} asked=${asked} what="Listing files">${(files) =>
    files.length === 0
      ? html`<${Empty} title="No files were logged."><p>
          <code>log_artifact</code>, <code>log_figure</code> and their like put files here.</p><//>`
      : html`<div class="files"><div>
          <p class="bar"><a href=${folderUrl(runId, "")} download>Download all as ZIP</a></p>
          <${Tree} runId=${runId} files=${files} chosen=${file} /></div>
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
  const holds = chosen.startsWith(`${path}/`);
  const [open, setOpen] = useState(holds);
  useEffect(() => {
    if (holds) setOpen(true);
  }, [holds]);
  const asked = useData(open ? ["files", runId, path] : null, (options) => list(runId, path, options));
  useLive((stream) => open && stream === `run/${runId}`, asked.reload, PAUSE_MS);
  return html`<button class="plain" aria-expanded=${open} onClick=${() => setOpen(!open)}>
    ${open ? "▾" : "▸"} ${path.split("/").pop()}/</button>
    <a class="quiet" href=${folderUrl(runId, path)} download aria-label=${`Download ${path} as ZIP`}
      title="Download as ZIP">⤓</a>
    ${
      open &&
      html`<${Loaded} asked=${asked}>
      ${(files) => html`<${Tree} runId=${runId} files=${files} chosen=${chosen} />`}<//>`
    }`;
}
