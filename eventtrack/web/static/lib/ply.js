/** Points of a cloud out of a file: PLY (text or little-endian), JSON lists, or lines of numbers. */

export const POINTS_MAX = 500_000;
const SIZES = {
  char: 1,
  uchar: 1,
  int8: 1,
  uint8: 1,
  short: 2,
  ushort: 2,
  int16: 2,
  uint16: 2,
  int: 4,
  uint: 4,
  int32: 4,
  uint32: 4,
  float: 4,
  float32: 4,
  double: 8,
  float64: 8,
};
const GETTERS = {
  char: "getInt8",
  int8: "getInt8",
  uchar: "getUint8",
  uint8: "getUint8",
  short: "getInt16",
  int16: "getInt16",
  ushort: "getUint16",
  uint16: "getUint16",
  int: "getInt32",
  int32: "getInt32",
  uint: "getUint32",
  uint32: "getUint32",
  float: "getFloat32",
  float32: "getFloat32",
  double: "getFloat64",
  float64: "getFloat64",
};

/**
 * @param {ArrayBuffer} body
 * @returns {{xyz: Float32Array, rgb: Uint8Array | null, total: number} | null} null if it is no cloud
 */
export function cloudOf(body) {
  const head = new TextDecoder().decode(new Uint8Array(body, 0, Math.min(body.byteLength, 4096)));
  try {
    return head.startsWith("ply") ? ofPly(body, head) : ofRows(rowsOf(new TextDecoder().decode(body)));
  } catch {
    return null;
  }
}

function ofPly(body, head) {
  const end = head.indexOf("end_header");
  const start = head.indexOf("\n", end) + 1;
  if (end < 0 || start < 1) return null;
  const lines = head
    .slice(0, end)
    .split(/\r?\n/)
    .map((line) => line.trim().split(/\s+/));
  const format = lines.find(([word]) => word === "format")?.[1];
  const at = lines.findIndex(([word, name]) => word === "element" && name === "vertex");
  // Elements before the points would have to be stepped over: nobody writes them.
  if (at < 0 || lines.slice(0, at).some(([word]) => word === "element")) return null;
  const total = Number(lines[at][2]);
  const fields = [];
  for (const [word, type, name] of lines.slice(at + 1)) {
    if (word === "element") break;
    if (word === "property") fields.push({ type, name });
  }
  const place = (name) => fields.findIndex((field) => field.name === name);
  const wanted = ["x", "y", "z", "red", "green", "blue"].map(place);
  if (wanted.slice(0, 3).includes(-1) || !Number.isInteger(total) || total < 0) return null;
  if (format === "ascii") {
    const text = new TextDecoder().decode(new Uint8Array(body, start));
    const rows = text.split("\n", Math.min(total, POINTS_MAX)).map((line) => line.trim().split(/\s+/).map(Number));
    return ofRows(
      rows.map((row) => wanted.map((column) => row[column])),
      total,
    );
  }
  if (format !== "binary_little_endian" || fields.some(({ type }) => !SIZES[type])) return null;
  const size = fields.reduce((sum, { type }) => sum + SIZES[type], 0);
  const offsets = fields.map((_, field) => fields.slice(0, field).reduce((sum, { type }) => sum + SIZES[type], 0));
  const view = new DataView(body, start);
  const count = Math.min(total, POINTS_MAX, Math.floor(view.byteLength / size));
  const value = (row, column) => view[GETTERS[fields[column].type]](row * size + offsets[column], true);
  const xyz = new Float32Array(count * 3);
  const coloured = !wanted.slice(3).includes(-1);
  const rgb = coloured ? new Uint8Array(count * 3) : null;
  for (let row = 0; row < count; row++)
    for (let axis = 0; axis < 3; axis++) {
      xyz[row * 3 + axis] = value(row, wanted[axis]);
      if (rgb) rgb[row * 3 + axis] = value(row, wanted[axis + 3]);
    }
  return { xyz, rgb, total };
}

function rowsOf(text) {
  if (/^\s*[[{]/.test(text)) {
    const value = JSON.parse(text);
    return Array.isArray(value) ? value : value.points;
  }
  return text
    .split("\n", POINTS_MAX)
    .filter((line) => line.trim() && !line.startsWith("#"))
    .map((line) =>
      line
        .trim()
        .split(/[\s,;]+/)
        .map(Number),
    );
}

function ofRows(rows, total = rows.length) {
  const points = rows.slice(0, POINTS_MAX).filter((row) => row.slice(0, 3).filter(Number.isFinite).length === 3);
  if (!points.length) return null;
  const coloured = points.every((row) => row.length >= 6 && row.slice(3, 6).every(Number.isFinite));
  return {
    xyz: Float32Array.from(points.flatMap((row) => row.slice(0, 3))),
    rgb: coloured ? Uint8Array.from(points.flatMap((row) => row.slice(3, 6))) : null,
    total,
  };
}
