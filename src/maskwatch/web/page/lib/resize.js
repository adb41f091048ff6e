// The two scalers that Python borrows from OpenCV, integer for integer. Pictures come with three or
// four channels; results have three.

import { roundHalfEven } from "./number.js";

/** @typedef {import("./schema.js").Picture} Picture */
/** @typedef {{x: number, y: number, width: number, height: number}} Part of a picture, pixels */

const float = Math.fround; // OpenCV adds up with four bytes, which decides halves

/** @param {Picture} picture @returns {Part} */
export function whole({ width, height }) {
  return { x: 0, y: 0, width, height };
}

/**
 * cv2.resize(..., INTER_AREA).
 * @param {Picture} picture @param {Part} part what is scaled
 * @param {number} width @param {number} height of the result
 */
export function resizeArea(picture, part, width, height) {
  if (part.width === width && part.height === height) return copied(picture, part);
  const ratioX = 1 / (width / part.width);
  const ratioY = 1 / (height / part.height);
  if (ratioX < 1 || ratioY < 1) return linear(picture, part, width, height, true);
  return Number.isInteger(ratioX) && Number.isInteger(ratioY)
    ? blocks(picture, part, width, height, ratioX, ratioY)
    : area(picture, part, width, height, ratioX, ratioY);
}

/**
 * cv2.resize(..., INTER_LINEAR).
 * @param {Picture} picture @param {Part} part what is scaled
 * @param {number} width @param {number} height of the result
 */
export function resizeLinear(picture, part, width, height) {
  if (part.width === width && part.height === height) return copied(picture, part);
  if (part.width === 2 * width && part.height === 2 * height) {
    return blocks(picture, part, width, height, 2, 2);
  }
  return linear(picture, part, width, height, false);
}

/** @param {Picture} picture @param {Part} part */
function copied({ data, width, channels }, part) {
  const out = new Uint8Array(part.width * part.height * 3);
  let to = 0;
  for (let y = 0; y < part.height; y++) {
    let from = ((part.y + y) * width + part.x) * channels;
    for (let x = 0; x < part.width; x++, from += channels) {
      out[to++] = data[from];
      out[to++] = data[from + 1];
      out[to++] = data[from + 2];
    }
  }
  return out;
}

/**
 * Means of whole blocks of pixels.
 * @param {Picture} picture @param {Part} part @param {number} width @param {number} height
 * @param {number} columns of a block @param {number} rows
 */
function blocks(picture, part, width, height, columns, rows) {
  const { data, channels } = picture;
  const out = new Uint8Array(width * height * 3);
  const scale = Math.fround(1 / (columns * rows));
  const quarter = columns === 2 && rows === 2; // OpenCV rounds these up, any other to even
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let row = 0; row < rows; row++) {
        let from =
          ((part.y + y * rows + row) * picture.width + part.x + x * columns) * channels;
        for (let column = 0; column < columns; column++, from += channels) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
      }
      out[to] = quarter ? (red + 2) >> 2 : roundHalfEven(Math.fround(red * scale));
      out[to + 1] = quarter ? (green + 2) >> 2 : roundHalfEven(Math.fround(green * scale));
      out[to + 2] = quarter ? (blue + 2) >> 2 : roundHalfEven(Math.fround(blue * scale));
    }
  }
  return out;
}

/**
 * Which source cells each target cell covers, and how much of each.
 * @param {number} sourceSize @param {number} size @param {number} ratio
 */
function areaTable(sourceSize, size, ratio) {
  const at = [];
  const share = [];
  const start = new Int32Array(size + 1);
  for (let target = 0; target < size; target++) {
    const from = target * ratio;
    const to = from + ratio;
    const cell = Math.min(ratio, sourceSize - from);
    const last = Math.min(Math.floor(to), sourceSize - 1);
    const first = Math.min(Math.ceil(from), last);
    start[target] = at.length;
    if (first - from > 1e-3) {
      at.push(first - 1);
      share.push((first - from) / cell);
    }
    for (let source = first; source < last; source++) {
      at.push(source);
      share.push(1 / cell);
    }
    if (to - last > 1e-3) {
      at.push(last);
      share.push(Math.min(Math.min(to - last, 1), cell) / cell);
    }
  }
  start[size] = at.length;
  return { at: Int32Array.from(at), share: Float32Array.from(share), start };
}

/**
 * @param {Picture} picture @param {Part} part @param {number} width @param {number} height
 * @param {number} ratioX @param {number} ratioY
 */
function area(picture, part, width, height, ratioX, ratioY) {
  const { data, channels } = picture;
  const columns = areaTable(part.width, width, ratioX);
  const rows = areaTable(part.height, height, ratioY);
  const out = new Uint8Array(width * height * 3);
  const sums = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let entry = rows.start[y]; entry < rows.start[y + 1]; entry++) {
      const base = ((part.y + rows.at[entry]) * picture.width + part.x) * channels;
      const weight = rows.share[entry];
      for (let x = 0, to = 0; x < width; x++, to += 3) {
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let cell = columns.start[x], end = columns.start[x + 1]; cell < end; cell++) {
          const from = base + columns.at[cell] * channels;
          const share = columns.share[cell];
          red = float(red + float(data[from] * share));
          green = float(green + float(data[from + 1] * share));
          blue = float(blue + float(data[from + 2] * share));
        }
        sums[to] += float(red * weight);
        sums[to + 1] += float(green * weight);
        sums[to + 2] += float(blue * weight);
      }
    }
    const base = y * width * 3;
    for (let to = 0; to < width * 3; to++) out[base + to] = roundHalfEven(sums[to]);
  }
  return out;
}

/**
 * The two source cells of each target cell, and their weights in 2048ths. OpenCV lets the weights of
 * rows stand at the edges, where both rows are the same; those of columns not.
 * @param {number} sourceSize @param {number} size
 * @param {boolean} areaMode as INTER_AREA enlarges @param {boolean} isColumn
 */
function linearTable(sourceSize, size, areaMode, isColumn) {
  const inverse = size / sourceSize;
  const ratio = 1 / inverse;
  const near = new Int32Array(size);
  const far = new Int32Array(size);
  const nearWeight = new Int32Array(size);
  const farWeight = new Int32Array(size);
  for (let target = 0; target < size; target++) {
    let source;
    let rest;
    if (areaMode) {
      source = Math.floor(target * ratio);
      rest = Math.fround(target + 1 - (source + 1) * inverse);
      rest = rest <= 0 ? 0 : Math.fround(rest - Math.floor(rest));
    } else {
      rest = Math.fround((target + 0.5) * ratio - 0.5);
      source = Math.floor(rest);
      rest = Math.fround(rest - source);
    }
    if (isColumn && (source < 0 || source >= sourceSize - 1)) rest = 0;
    near[target] = Math.min(Math.max(source, 0), sourceSize - 1);
    far[target] = Math.min(Math.max(source + 1, 0), sourceSize - 1);
    nearWeight[target] = roundHalfEven(Math.fround(Math.fround(1 - rest) * 2048));
    farWeight[target] = roundHalfEven(Math.fround(rest * 2048));
  }
  return { near, far, nearWeight, farWeight };
}

/**
 * @param {Picture} picture @param {Part} part @param {number} width @param {number} height
 * @param {boolean} areaMode
 */
function linear(picture, part, width, height, areaMode) {
  const columns = linearTable(part.width, width, areaMode, true);
  const rows = linearTable(part.height, height, areaMode, false);
  const out = new Uint8Array(width * height * 3);
  const upper = { row: -1, values: new Int32Array(width * 3) };
  const lower = { row: -1, values: new Int32Array(width * 3) };
  let lines = [upper, lower]; // the two source rows in hand, each scaled across once
  for (let y = 0; y < height; y++) {
    if (lines[1].row === rows.near[y]) lines.reverse();
    for (const [line, row] of /** @type {const} */ ([
      [lines[0], rows.near[y]],
      [lines[1], rows.far[y]],
    ])) {
      if (line.row !== row) fillLine(line.values, picture, part, row, columns);
      line.row = row;
    }
    const [near, far] = [lines[0].values, lines[1].values];
    const nearWeight = rows.nearWeight[y];
    const farWeight = rows.farWeight[y];
    for (let at = 0, to = y * width * 3; at < width * 3; at++, to++) {
      const above = (nearWeight * (near[at] >> 4)) >> 16;
      const below = (farWeight * (far[at] >> 4)) >> 16;
      out[to] = (above + below + 2) >> 2;
    }
  }
  return out;
}

/**
 * @param {Int32Array} line @param {Picture} picture @param {Part} part @param {number} row
 * @param {ReturnType<typeof linearTable>} columns
 */
function fillLine(line, { data, width, channels }, part, row, columns) {
  const { near, far, nearWeight, farWeight } = columns;
  const base = ((part.y + row) * width + part.x) * channels;
  for (let x = 0, to = 0; x < near.length; x++, to += 3) {
    const left = base + near[x] * channels;
    const right = base + far[x] * channels;
    line[to] = data[left] * nearWeight[x] + data[right] * farWeight[x];
    line[to + 1] = data[left + 1] * nearWeight[x] + data[right + 1] * farWeight[x];
    line[to + 2] = data[left + 2] * nearWeight[x] + data[right + 2] * farWeight[x];
  }
}
