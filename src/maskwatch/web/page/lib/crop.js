// Face box -> padded square. Mirrors maskwatch/vision/crop.py.

import { roundHalfEven } from "./number.js";
import { resizeArea, resizeLinear } from "./resize.js";

/**
 * The square round a box, scaled; what lies outside the picture repeats its edge.
 * @param {import("./schema.js").Picture} picture
 * @param {import("./schema.js").BoxXYXY} boxXyxy must overlap the picture
 * @param {number} sidePx of the result @param {number} marginRatio
 * @returns {Uint8Array} (side, side, 3)
 */
export function cropFace(picture, [left, top, right, bottom], sidePx, marginRatio) {
  const square = Math.max(right - left, bottom - top) * (1 + 2 * marginRatio);
  const x0 = (left + right - square) / 2;
  const y0 = (top + bottom - square) / 2;
  const scale = sidePx / square;
  const [inLeft, inRight] = inside(x0, x0 + square, picture.width);
  const [inTop, inBottom] = inside(y0, y0 + square, picture.height);
  const [toLeft, toRight] = target(inLeft - x0, inRight - x0, scale, sidePx);
  const [toTop, toBottom] = target(inTop - y0, inBottom - y0, scale, sidePx);
  const part = { x: inLeft, y: inTop, width: inRight - inLeft, height: inBottom - inTop };
  const resize = scale < 1 ? resizeArea : resizeLinear;
  const scaled = resize(picture, part, toRight - toLeft, toBottom - toTop);
  return padded(scaled, toRight - toLeft, toBottom - toTop, toLeft, toTop, sidePx);
}

/**
 * @param {Uint8Array} part @param {number} width @param {number} height
 * @param {number} left where it lies in the square @param {number} top @param {number} sidePx
 */
function padded(part, width, height, left, top, sidePx) {
  if (width === sidePx && height === sidePx) return part;
  const out = new Uint8Array(sidePx * sidePx * 3);
  for (let y = 0, to = 0; y < sidePx; y++) {
    const row = Math.min(Math.max(y - top, 0), height - 1) * width;
    for (let x = 0; x < sidePx; x++, to += 3) {
      const from = (row + Math.min(Math.max(x - left, 0), width - 1)) * 3;
      out[to] = part[from];
      out[to + 1] = part[from + 1];
      out[to + 2] = part[from + 2];
    }
  }
  return out;
}

/** The whole pixels of [start, stop) that the picture has, at least one.
 * @param {number} start @param {number} stop @param {number} limit */
function inside(start, stop, limit) {
  const first = Math.min(Math.max(roundHalfEven(start), 0), limit - 1);
  return [first, Math.max(Math.min(roundHalfEven(stop), limit), first + 1)];
}

/** Where those pixels land in the crop, at least one pixel wide.
 * @param {number} start @param {number} stop @param {number} scale @param {number} sidePx */
function target(start, stop, scale, sidePx) {
  const first = Math.min(Math.max(roundHalfEven(start * scale), 0), sidePx - 1);
  return [first, Math.max(Math.min(roundHalfEven(stop * scale), sidePx), first + 1)];
}
