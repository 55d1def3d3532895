/** Arrays as NumPy saves them (.npy): the header, and the first values. Objects are never read. */

const MAGIC = "\x93NUMPY";
const READERS = {
  f2: (view, at, little) => half(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at, little) => view.getInt16(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  i8: (view, at, little) => view.getBigInt64(at, little),
  u1: (view, at) => view.getUint8(at),
  u2: (view, at, little) => view.getUint16(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  u8: (view, at, little) => view.getBigUint64(at, little),
  b1: (view, at) => Boolean(view.getUint8(at)),
};

/** A number of 16 bits: a sign, 5 bits of exponent, 10 of fraction. */
function half(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/**
 * @param {ArrayBuffer} body the beginning of the file is enough
 * @returns {{type: string, shape: number[], rows: (number | bigint | boolean)[][], from: string} | null} the first
 *   `most` rows and columns of the last two axes, `from` which of the others; null if it is no such array
 */
export function arrayOf(body, most) {
  const bytes = new Uint8Array(body);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 6)) !== MAGIC) return null;
  const view = new DataView(body);
  const [start, length] = bytes[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (start + length > bytes.length) return null;
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const [, order, type] = /'descr':\s*'([<>|=])([a-z]\d+)'/.exec(header) || [];
  const [, sizes] = /'shape':\s*\(([\d, ]*)\)/.exec(header) || [];
  if (!type || sizes === undefined) return null;
  const shape = sizes
    .split(",")
    .filter((size) => size.trim())
    .map(Number);
  const isFortran = /'fortran_order':\s*True/.test(header);
  const read = READERS[type];
  if (!read) return { type, shape, rows: [], from: "" };
  const strides = stridesOf(shape, isFortran);
  const size = Number(type.slice(1));
  const [high, wide] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const [down, across] = [strides.at(-2) ?? 0, strides.at(-1) ?? 0];
  const rows = [];
  for (let row = 0; row < Math.min(high, most); row++) {
    const values = [];
    for (let column = 0; column < Math.min(wide, most); column++) {
      const at = start + length + (row * down + column * across) * size;
      if (at + size > bytes.length) break;
      values.push(read(view, at, order !== ">"));
    }
    if (values.length) rows.push(values);
  }
  return { type, shape, rows, from: shape.length > 2 ? `[${shape.slice(0, -2).fill(0).join(", ")}]` : "" };
}

/** How many values lie between two neighbours along each axis. */
function stridesOf(shape, isFortran) {
  const strides = Array(shape.length);
  let product = 1;
  for (const axis of isFortran ? shape.keys() : [...shape.keys()].reverse()) {
    strides[axis] = product;
    product *= shape[axis];
  }
  return strides;
}
