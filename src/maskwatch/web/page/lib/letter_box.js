// A picture -> what the detector's network takes. Mirrors maskwatch/vision/letter_box.py.

import { STRIDES_PX } from "./boxes.js";
import { roundHalfEven } from "./number.js";
import { resizeArea, resizeLinear, whole } from "./resize.js";

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {import("./schema.js").Picture} Picture */
/** @typedef {ReturnType<typeof letterBox>} LetterBox */

const MAX_ENLARGEMENT = 4;
const PAD_VALUE = 127;
const CELL_PX = STRIDES_PX[STRIDES_PX.length - 1];

/**
 * A picture scaled to a longer side and padded, right and bottom, to whole cells.
 * @param {Picture} picture @param {number} sidePx
 */
export function letterBox(picture, sidePx) {
  const [width, height] = scaledSize(picture, sidePx);
  const scaled = scale(picture, width, height);
  const columns = Math.ceil(width / CELL_PX) * CELL_PX;
  const rows = Math.ceil(height / CELL_PX) * CELL_PX;
  const ratioX = Math.fround(width / picture.width);
  const ratioY = Math.fround(height / picture.height);
  const padded = new Uint8Array(columns * rows * 3).fill(PAD_VALUE);
  for (let y = 0; y < height; y++) {
    padded.set(scaled.subarray(y * width * 3, (y + 1) * width * 3), y * columns * 3);
  }
  return { padded, columns, rows, ratioX, ratioY };
}

/** @param {Picture} picture @param {number} width @param {number} height */
function scale(picture, width, height) {
  const longer = Math.max(picture.width, picture.height);
  const block = Math.floor(longer / Math.max(width, height));
  if (block > 1) {
    const meanWidth = Math.max(1, Math.floor(picture.width / block));
    const meanHeight = Math.max(1, Math.floor(picture.height / block));
    const data = resizeArea(picture, whole(picture), meanWidth, meanHeight);
    picture = { data, width: meanWidth, height: meanHeight, channels: 3 };
  }
  return resizeLinear(picture, whole(picture), width, height);
}

/** Width and height once the longer side is scaled. @param {Picture} picture @param {number} sidePx @returns {[number, number]} */
export function scaledSize({ width, height }, sidePx) {
  const by = Math.min(sidePx / Math.max(width, height), MAX_ENLARGEMENT);
  return [Math.max(1, roundHalfEven(width * by)), Math.max(1, roundHalfEven(height * by))];
}

/**
 * The cells of a padded picture that a window of the picture touches: left, top, right, bottom.
 * @param {BoxXYXY | null} window all of it if null @param {Omit<LetterBox, "padded">} box
 * @returns {BoxXYXY}
 */
export function wholeCells(window, { columns, rows, ratioX, ratioY }) {
  if (!window) return [0, 0, columns, rows];
  const span = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ size) => {
    const limit = size / CELL_PX;
    const first = Math.min(Math.max(Math.floor(low / CELL_PX), 0), limit - 1);
    const last = Math.min(Math.max(Math.ceil(high / CELL_PX), first + 1), limit);
    return [first * CELL_PX, last * CELL_PX];
  };
  const [left, right] = span(window[0] * ratioX, window[2] * ratioX, columns);
  const [top, bottom] = span(window[1] * ratioY, window[3] * ratioY, rows);
  return [left, top, right, bottom];
}

/**
 * Whether the border of a window does not cut a box, but where the picture ends too.
 * @param {BoxXYXY} box @param {BoxXYXY} window both in pixels of the padded picture
 * @param {{columns: number, rows: number}} size of it
 */
export function isWithin(box, window, { columns, rows }) {
  return (
    (window[0] <= 0 || box[0] > window[0]) &&
    (window[1] <= 0 || box[1] > window[1]) &&
    (window[2] >= columns || box[2] < window[2]) &&
    (window[3] >= rows || box[3] < window[3])
  );
}

/** The pixels of some cells. @param {LetterBox} box @param {BoxXYXY} cells */
export function pixelsOf({ padded, columns }, [left, top, right, bottom]) {
  const part = new Uint8Array((right - left) * (bottom - top) * 3);
  for (let y = top; y < bottom; y++) {
    const row = padded.subarray((y * columns + left) * 3, (y * columns + right) * 3);
    part.set(row, (y - top) * (right - left) * 3);
  }
  return part;
}
