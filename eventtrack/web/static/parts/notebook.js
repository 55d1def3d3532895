/** A Jupyter notebook as it was saved: its cells, and what they printed and drew. Nothing of it runs. */
import { html } from "../lib/ui.js";
import { highlighted } from "../lib/highlight.js";
import { Markdown } from "../lib/markdown.js";

const CELLS_MAX = 500;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const joined = (text) => (Array.isArray(text) ? text.join("") : String(text ?? ""));
// Colours of terminals, which tracebacks are full of.
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** The notebook that a text is, or null. */
export function notebookOf(text) {
  try {
    const notebook = JSON.parse(text);
    return Array.isArray(notebook?.cells) ? notebook : null;
  } catch {
    return null;
  }
}

export function Notebook({ notebook }) {
  const ending = notebook.metadata?.kernelspec?.language === "javascript" ? "js" : "py";
  const cells = notebook.cells.slice(0, CELLS_MAX);
  return html`<div class="notebook">${cells.map(
    (cell, at) =>
      html`<section key=${at}>${
        cell?.cell_type === "code"
          ? html`<pre tabindex="0"><span class="quiet">[${cell.execution_count ?? " "}]</span> ${highlighted(
              joined(cell.source),
              ending,
            )}</pre>${[cell.outputs || []].flat().map((output) => html`<${Output} output=${output || {}} />`)}`
          : cell?.cell_type === "markdown"
            ? html`<${Markdown} text=${joined(cell.source)} />`
            : html`<pre tabindex="0">${joined(cell?.source)}</pre>`
      }</section>`,
  )}
    ${notebook.cells.length > CELLS_MAX && html`<p class="quiet">The first ${CELLS_MAX} cells.</p>`}</div>`;
}

function Output({ output }) {
  const data = output.data || {};
  const kind = IMAGES.find((type) => data[type]);
  if (kind) {
    const bytes = joined(data[kind]).replace(/\s/g, "");
    const said = joined(data["text/plain"]) || "output of the cell";
    return html`<img src=${`data:${kind};base64,${bytes}`} alt=${said} />`;
  }
  const text = output.traceback
    ? joined(output.traceback.map?.((line) => `${line}\n`))
    : joined(output.text ?? data["text/plain"]);
  return text && html`<pre class="printed" tabindex="0">${text.replace(COLOURS, "")}</pre>`;
}
