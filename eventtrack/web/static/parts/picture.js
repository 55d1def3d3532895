/** Images among the files of a run, shown from memory: scripts of an SVG do not run there. */
import { html, useEffect, useState } from "../lib/ui.js";
import { artifact } from "../lib/api.js";
import { useData } from "../lib/data.js";

const KINDS = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  bmp: "image/bmp",
  avif: "image/avif",
  // Few browsers show it; the others say so.
  tif: "image/tiff",
  tiff: "image/tiff",
};
const BYTES_MAX = 20e6;

/** What an image is, by the ending of its name; undefined for all else. */
export const imageKind = (path) => KINDS[path.split(".").pop().toLowerCase()];

/** In the place of an image that a browser does not understand, as most do not understand TIFF. */
export const Unshown = () => html`<span class="quiet">This browser cannot show this image: download it.</span>`;

/** Shown as an image, whatever it says it is. */
export function Picture({ body, kind, name }) {
  const [url, setUrl] = useState("");
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([body], { type: kind }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [body, kind]);
  if (broken) return html`<${Unshown} />`;
  return url && html`<img src=${url} alt=${name} onError=${() => setBroken(true)} />`;
}

function FileOfRun({ runId, path, name }) {
  const asked = useData(["picture", runId, path], () =>
    artifact(runId, path, `0-${BYTES_MAX - 1}`).then((answer) => answer.arrayBuffer()),
  );
  if (asked.error) return html`<span class="quiet">${name || path}: ${asked.error.message}</span>`;
  return asked.data && html`<${Picture} body=${asked.data} kind=${imageKind(path)} name=${name || path} />`;
}

/**
 * How a text in Markdown shows the images that it names: those that are files of its run, beside the text's own
 * file. Nothing is fetched from anywhere else.
 * @returns {(target: string, name: string) => any} null for what is no such file
 */
export const picturesOf =
  (runId, folder = "") =>
  (target, name) => {
    if (/^[\w+.-]+:|^\/|\\/.test(target) || !imageKind(target)) return null;
    const parts = [];
    for (const part of `${folder}/${target}`.split("/"))
      if (part === "..") parts.pop();
      else if (part && part !== ".") parts.push(part);
    const path = parts.join("/");
    return html`<${FileOfRun} key=${path} runId=${runId} path=${path} name=${name} />`;
  };
