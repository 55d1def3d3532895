/** One medium of any kind: image, sound, video, page, cloud of points, table, or a file to download. */
import { html, useState } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bytes, number } from "../lib/format.js";
import { tableOf } from "../lib/table.js";
import { Cloud } from "./cloud.js";
import { Unshown } from "./picture.js";
import { Sheet } from "./sheet.js";
import { Loaded } from "./states.js";

const BODY_MAX = 30e6;
const TABLES = ["csv", "tsv", "json", "parquet"];
const CLOUDS = ["ply", "xyz", "pts"];
const endingOf = (item) => (item.name || "").split(".").pop().toLowerCase();

/** What shows an item: `image`, `video`, `audio`, `page`, `cloud`, `table` or `file`. */
export function kindOf(item) {
  const kind = item.media_type.split("/")[0];
  if (["image", "video", "audio"].includes(kind)) return kind;
  if (item.media_type === "text/html") return "page";
  if (CLOUDS.includes(endingOf(item))) return "cloud";
  return TABLES.includes(endingOf(item)) || item.media_type === "text/csv" ? "table" : "file";
}

/** @param {{item: object, label: string, look: {zoom: number, sharp: boolean}, base?: object}} props
 *   `look`: how images are drawn; `base`: the image that this one is compared with */
export function Medium({ item, label, look, base }) {
  const text = item.caption || label;
  const Shown = { image: Image, video: Video, audio: Sound, page: Page, cloud: Points, table: TableOf, file: File }[
    kindOf(item)
  ];
  return html`<figure>
    <${Shown} item=${item} label=${text} look=${look} base=${base} />
    <figcaption>${item.caption} <a href=${item.url} download=${item.name || item.sha256?.slice(0, 12)}>Download</a>
      <span class="quiet"> ${bytes(item.size)}${item.size ? "," : ""} step ${number(item.step)}</span></figcaption>
    </figure>`;
}

function Image({ item, label, look, base }) {
  const style = { imageRendering: look.sharp ? "pixelated" : "auto", ...(look.zoom && { zoom: look.zoom }) };
  const [broken, setBroken] = useState("");
  if (broken === item.url) return html`<p><${Unshown} /></p>`;
  const draw = (url, alt) => html`<img src=${url} alt=${alt} decoding="async" style=${style}
    onError=${() => setBroken(item.url)} />`;
  const size = look.zoom ? "zoomed" : "fitted";
  if (!base) return html`<div class=${size}>${draw(item.url, label)}</div>`;
  return html`<div class=${size}><div class="compared-image">${draw(item.url, label)}${draw(base.url, "")}</div></div>`;
}

const Video = ({ item, label }) =>
  html`<video controls preload="metadata" src=${item.url} aria-label=${label}></video>`;
const Sound = ({ item, label }) =>
  html`<audio controls preload="metadata" src=${item.url} aria-label=${label}></audio>`;
const File = ({ item }) => html`<p>${item.name || item.media_type}</p>`;

/** The bytes of an item; too large ones are not fetched. */
function useBody(item) {
  return useData(item.size > BODY_MAX ? null : ["body", item.url], async (options) => {
    const answer = await fetch(item.url, options);
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.arrayBuffer();
  });
}

/** A logged page, in a sandbox: no script of it runs, and it has no origin. */
function Page({ item, label }) {
  const asked = useBody(item);
  const framed = (body) => html`<iframe sandbox="" srcdoc=${new TextDecoder().decode(body)} title=${label}></iframe>`;
  return item.size > BODY_MAX ? html`<${Large} />` : html`<${Loaded} asked=${asked}>${framed}<//>`;
}

function Points({ item, label }) {
  const asked = useBody(item);
  if (item.size > BODY_MAX) return html`<${Large} />`;
  return html`<${Loaded} asked=${asked}>${(body) => html`<${Cloud} body=${body} label=${label} />`}<//>`;
}

const Large = () => html`<p class="quiet">It is too large to be shown here: download it.</p>`;

/** The table of an item, read here, or by the server where the format is Parquet. */
export function useTable(item) {
  const packed = endingOf(item) === "parquet";
  return useData(item.size > BODY_MAX && !packed ? null : ["table", item.url], async (options) => {
    if (packed) return get("rows", { run_id: item.run_id, path: item.path, sha256: item.sha256 }, options);
    const answer = await fetch(item.url, options);
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return tableOf(await answer.text(), item.name || "table.csv") || { columns: [], rows: [], total: 0 };
  });
}

function TableOf({ item, label }) {
  const asked = useTable(item);
  return html`<${Loaded} asked=${asked} what="Reading the table">${(table) =>
    table.columns.length
      ? html`<${Sheet} table=${table} label=${label} />`
      : html`<p class="quiet">${item.name}: this is no table.</p>`}<//>`;
}
