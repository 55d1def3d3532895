/** The files of a run: a tree, and a look into text, JSON and images. Nothing of them is executed. */
import { html, useEffect, useState } from "../lib/ui.js";
import { artifact, artifactUrl, mlflow } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bytes } from "../lib/format.js";
import { route, setQuery } from "../lib/route.js";
import { Empty, Failed, Loaded, Loading } from "./states.js";

// What is fetched of a text, and of an image.
const TEXT_MAX = 262144;
const IMAGE_MAX = 20e6;
const IMAGES = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", svg: "image/svg+xml", bmp: "image/bmp" };
const list = (runId, path) => mlflow.get("artifacts/list", { run_id: runId, path }).then((answer) => answer.files || []);

export function Files({ runId }) {
  const asked = useData(["files", runId], () => list(runId, ""));
  const { file = "" } = route.value.query;
  return html`<${Loaded} asked=${asked} what="Listing files">${(files) => files.length === 0
    ? html`<${Empty} title="No files were logged."><p><code>log_artifact</code>, <code>log_figure</code> and their like put files here.</p><//>`
    : html`<div class="files"><div><${Tree} runId=${runId} files=${files} chosen=${file} /></div>
        <div class="preview">${file ? html`<${Preview} key=${file} runId=${runId} path=${file} />` : html`<p class="quiet">Choose a file to look into it.</p>`}</div></div>`}<//>`;
}

const Tree = ({ runId, files, chosen }) => html`<ul>${files.map((one) => html`<li key=${one.path}>
  ${one.is_dir
    ? html`<${Folder} runId=${runId} path=${one.path} chosen=${chosen} />`
    : html`<button class="plain" aria-pressed=${one.path === chosen} onClick=${() => setQuery({ file: one.path }, { push: true })}>${one.path.split("/").pop()}</button>
        <span class="quiet">${bytes(one.file_size)}</span>`}</li>`)}</ul>`;

function Folder({ runId, path, chosen }) {
  const [open, setOpen] = useState(chosen.startsWith(`${path}/`));
  const asked = useData(open ? ["files", runId, path] : null, () => list(runId, path));
  return html`<button class="plain" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? "▾" : "▸"} ${path.split("/").pop()}/</button>
    ${open && html`<${Loaded} asked=${asked}>${(files) => html`<${Tree} runId=${runId} files=${files} chosen=${chosen} />`}<//>`}`;
}

function Preview({ runId, path }) {
  const kind = IMAGES[path.split(".").pop().toLowerCase()];
  const asked = useData(["file", runId, path], async () => {
    const answer = await artifact(runId, path, kind ? IMAGE_MAX : TEXT_MAX);
    const whole = Number(answer.headers.get("content-range")?.split("/")[1] ?? NaN);
    return { body: await answer.arrayBuffer(), whole };
  });
  const name = path.split("/").pop();
  return html`
    <div class="bar"><strong>${path}</strong><a href=${artifactUrl(runId, path)} download=${name}>Download</a></div>
    ${asked.error ? html`<${Failed} error=${asked.error} retry=${asked.reload} />` : !asked.data ? html`<${Loading} />`
      : kind ? html`<${Image} body=${asked.data.body} kind=${kind} name=${name} />`
        : html`<${Text} ...${asked.data} name=${name} />`}
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
  if (data.subarray(0, 1024).includes(0)) return html`<p class="quiet">No preview: this is not text. Download it to look inside.</p>`;
  let text = new TextDecoder().decode(data);
  const cut = whole > data.length;
  if (name.endsWith(".json") && !cut) {
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // as it is, then
    }
  }
  return html`<pre tabindex="0">${text}</pre>${cut && html`<p class="quiet">The first ${bytes(data.length)} of ${bytes(whole)}.</p>`}`;
}
