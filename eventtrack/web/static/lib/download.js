/** Files made in the browser: tables as CSV, charts as PNG. */
import { numeric, valueOf } from "./fields.js";

function save(name, blob) {
  const url = URL.createObjectURL(blob);
  const anchor = Object.assign(document.createElement("a"), { href: url, download: fileName(name) });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** What every file system takes. */
const fileName = (name) =>
  name
    .replace(/[^\p{L}\p{N}._ -]+/gu, "-")
    .replace(/^[. -]+/, "")
    .slice(0, 120) || "eventtrack";

// A spreadsheet takes a cell that begins so for a formula, which may send what it reads elsewhere.
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * A cell after RFC 4180. A text that a spreadsheet would run gets a `'` in front, as OWASP advises;
 * numbers stay as they are, negative ones too.
 */
export function cell(value) {
  if (value === undefined || value === null) return "";
  let text = String(value);
  if (FORMULA.test(text) && numeric(value) === undefined && text !== "-Infinity") text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const instant = (ms) => {
  const date = new Date(ms ?? NaN);
  return Number.isNaN(date.valueOf()) ? "" : date.toISOString();
};

/** All runs given, a line each: what they are, then the columns. Lines end in CRLF, text is UTF-8. */
export function csvOf(rows, columns) {
  const head = ["run_id", "run_name", "status", "start_time", "end_time", "user_id", ...columns];
  const lines = rows.map((row) => [
    row.run_id,
    row.run_name,
    row.status,
    instant(row.start_time),
    instant(row.end_time || undefined),
    row.user_id,
    ...columns.map((name) => valueOf(row, name)),
  ]);
  return [head, ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

export const saveCsv = (name, text) => save(`${name}.csv`, new Blob([text], { type: "text/csv;charset=utf-8" }));

const LEGEND_MAX = 12;

/**
 * The canvases of a chart over each other, below its title, with a legend: as on screen, sharp.
 * @param {Element} chart what holds the canvases
 * @param {{label: string, colour: string, dash?: number[]}[]} curves
 */
export function savePng(chart, title, curves = []) {
  const layers = [...chart.querySelectorAll("canvas")];
  const style = getComputedStyle(document.documentElement);
  const ratio = devicePixelRatio;
  const box = chart.getBoundingClientRect();
  const named = curves.slice(0, LEGEND_MAX);
  const rows = named.length + (curves.length > named.length ? 1 : 0);
  const canvas = document.createElement("canvas");
  const [pad, top, line] = [12, 34, 18];
  canvas.width = (box.width + 2 * pad) * ratio;
  canvas.height = (box.height + top + rows * line + pad) * ratio;
  const ctx = canvas.getContext("2d");
  ctx.scale(ratio, ratio);
  ctx.fillStyle = style.getPropertyValue("--page");
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = style.getPropertyValue("--text");
  ctx.textBaseline = "middle";
  ctx.font = "600 14px system-ui, sans-serif";
  ctx.fillText(title, pad, top / 2, box.width);
  for (const layer of layers) {
    const at = layer.getBoundingClientRect();
    if (at.width) ctx.drawImage(layer, pad + at.left - box.left, top + at.top - box.top, at.width, at.height);
  }
  ctx.font = "12px system-ui, sans-serif";
  named.forEach(({ label, colour, dash = [] }, at) => {
    const y = top + box.height + at * line + line / 2;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2.5;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(pad, y);
    ctx.lineTo(pad + 26, y);
    ctx.stroke();
    ctx.fillText(label, pad + 34, y, box.width - 40);
  });
  if (rows > named.length)
    ctx.fillText(`and ${curves.length - named.length} more`, pad + 34, top + box.height + (rows - 0.5) * line);
  canvas.toBlob((blob) => blob && save(`${title}.png`, blob), "image/png");
}
