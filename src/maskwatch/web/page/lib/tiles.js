// Large photos in overlapping tiles, so that small faces keep their pixels. Mirrors
// maskwatch/vision/tiles.py.

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {import("./schema.js").Picture} Picture */

export const TILED_FROM_PX = 2000;
export const TILE_PX = 960;
export const LEAST_PX = 24;

const OVERLAP_PX = 192;
const MARGIN_PX = 12;
const SCALE_STEP = 5;
const INSIDE_SHARE = 0.8;

/**
 * How many times the tiles of each round are scaled down, the roughest first, at last 1.
 * @param {number} shrunk how many times the photo is for the look at all of it
 */
export function tileScales(shrunk) {
  const scales = [1];
  while (shrunk > SCALE_STEP * scales[0]) scales.unshift(SCALE_STEP * scales[0]);
  return scales;
}

/**
 * Left and top of tiles that cover a picture of this size, row by row.
 * @param {number} width @param {number} height @param {number} scale of the tiles
 */
export function tileCorners(width, height, scale) {
  return starts(height, scale).flatMap((top) =>
    starts(width, scale).map((left) => /** @type {[number, number]} */ ([left, top])),
  );
}

/** @param {number} lengthPx @param {number} scale */
function starts(lengthPx, scale) {
  const sparePx = Math.max(0, lengthPx - scale * TILE_PX);
  const steps = Math.ceil(sparePx / (scale * (TILE_PX - OVERLAP_PX)));
  const stepPx = steps ? sparePx / steps : 0;
  return Array.from({ length: steps + 1 }, (_, at) =>
    at === steps ? sparePx : Math.trunc(at * stepPx),
  );
}

/**
 * The pixels of a tile.
 * @param {Picture} picture @param {[number, number]} corner @param {number} scale of the tile
 * @returns {Picture}
 */
export function tileOf({ data, width, height, channels }, [left, top], scale) {
  const sidePx = scale * TILE_PX;
  const tile = { width: Math.min(sidePx, width - left), height: Math.min(sidePx, height - top) };
  const pixels = new Uint8Array(tile.width * tile.height * channels);
  for (let y = 0; y < tile.height; y++) {
    const from = ((top + y) * width + left) * channels;
    pixels.set(data.subarray(from, from + tile.width * channels), y * tile.width * channels);
  }
  return { ...tile, channels, data: pixels };
}

/**
 * Whether a tile shows a face whole and small enough; others are found elsewhere.
 * @param {BoxXYXY} box in pixels of the photo
 * @param {[number, number]} corner of the tile @param {[number, number]} size of the photo
 * @param {number} scale of the tile
 */
export function isWhole([left, top, right, bottom], corner, size, scale) {
  const [sidePx, marginPx] = [scale * TILE_PX, scale * MARGIN_PX];
  const inside = (/** @type {number} */ axis, /** @type {number} */ low, /** @type {number} */ high) =>
    (corner[axis] === 0 || low >= corner[axis] + marginPx) &&
    (corner[axis] + sidePx >= size[axis] || high <= corner[axis] + sidePx - marginPx);
  const small = Math.max(right - left, bottom - top) <= scale * OVERLAP_PX;
  return small && inside(0, left, right) && inside(1, top, bottom);
}

/** Whether a box lies within one of larger faces. @param {BoxXYXY} box @param {BoxXYXY[]} faces */
export function isPart(box, faces) {
  const area = areaOf(box);
  return faces.some((face) => {
    const common =
      Math.max(Math.min(box[2], face[2]) - Math.max(box[0], face[0]), 0) *
      Math.max(Math.min(box[3], face[3]) - Math.max(box[1], face[1]), 0);
    return areaOf(face) > 2 * area && common >= INSIDE_SHARE * area;
  });
}

/** @param {BoxXYXY} box */
function areaOf([left, top, right, bottom]) {
  return (right - left) * (bottom - top);
}
