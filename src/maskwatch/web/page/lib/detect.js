// Picture -> faces. Mirrors maskwatch/vision/detect.py.

import { decodeFaces, suppressOverlaps } from "./boxes.js";
import { isWithin, letterBox, pixelsOf, scaledSize, wholeCells } from "./letter_box.js";
import {
  LEAST_PX,
  TILED_FROM_PX,
  TILE_PX,
  isPart,
  isWhole,
  tileCorners,
  tileOf,
  tileScales,
} from "./tiles.js";

/** @typedef {import("./schema.js").Picture} Picture */
/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {import("./boxes.js").Found} Found */
/** @typedef {(input: Uint8Array, shape: number[]) => Promise<Float32Array>} Network */

const FAINT = 0.55;
const ONE_LOOK = 1.25;

export class FaceDetector {
  /** @param {Network} network @param {import("./schema.js").DetectorCard} card */
  constructor(network, card) {
    this.network = network;
    this.card = card;
  }

  /** The faces of a photo, the surest first. @param {Picture} picture */
  async detect(picture) {
    const { side_px: sidePx, min_score: minScore, nms_iou: maxIou, tiles } = this.card;
    const large = Math.max(picture.width, picture.height) > Math.max(TILED_FROM_PX, sidePx);
    const looks =
      tiles === "auto" && large
        ? await this.#tiledLooks(picture)
        : await this.#looks(picture, sidePx, minScore);
    return suppressOverlaps(looks, maxIou);
  }

  /**
   * The faces of a frame, and those that are only faintly seen.
   * @param {Picture} picture @param {BoxXYXY | null} [window] to look at; all of it if null
   */
  async detectLive(picture, window = null) {
    const { live_side_px: sidePx, live_min_score: minScore, nms_iou: maxIou } = this.card;
    const least = FAINT * minScore;
    const looks = window
      ? await this.#look(picture, sidePx, least, { window })
      : await this.#looks(picture, sidePx, least);
    return suppressOverlaps(looks, maxIou);
  }

  /** @param {Picture} picture @param {number} sidePx @param {number} minScore @param {number} [smallestPx] */
  async #looks(picture, sidePx, minScore, smallestPx = 0) {
    const { coarse_side_px: coarsePx } = this.card;
    const { coarse_face_px: coarseFacePx, fine_face_px: finePx } = this.card;
    const longer = Math.max(...scaledSize(picture, sidePx));
    // at large sides what the coarse look leaves out would be too large for the fine one
    const largestPx = Math.max(finePx, (coarseFacePx * longer) / coarsePx);
    return 0 < ONE_LOOK * coarsePx && ONE_LOOK * coarsePx < longer
      ? [
          ...(await this.#look(picture, sidePx, minScore, { smallestPx, largestPx })),
          ...(await this.#look(picture, coarsePx, minScore, { smallestPx: coarseFacePx })),
        ]
      : this.#look(picture, sidePx, minScore, { smallestPx });
  }

  /** The whole photo, then its tiles, round by round, each finer than the last. @param {Picture} picture */
  async #tiledLooks(picture) {
    const { side_px: sidePx, min_score: minScore } = this.card;
    const looks = await this.#looks(picture, sidePx, minScore, LEAST_PX);
    for (const scale of tileScales(Math.max(picture.width, picture.height) / sidePx))
      looks.push(...(await this.#tileLooks(picture, scale, looks)));
    return looks;
  }

  /**
   * What the tiles show that is no part of a face seen before.
   * @param {Picture} picture @param {number} scale of the tiles @param {Found[]} looks
   */
  async #tileLooks(picture, scale, looks) {
    const faces = looks.map(({ boxXyxy }) => boxXyxy);
    /** @type {[number, number]} */
    const size = [picture.width, picture.height];
    const limits = { smallestPx: scale > 1 ? LEAST_PX : 0 };
    const found = [];
    for (const corner of tileCorners(...size, scale)) {
      const tile = tileOf(picture, corner, scale);
      const seen = await this.#look(tile, TILE_PX, this.card.min_score, limits);
      const placed = seen.map((face) => shifted(face, corner));
      const chosen = placed.filter(
        ({ boxXyxy }) => isWhole(boxXyxy, corner, size, scale) && !isPart(boxXyxy, faces),
      );
      found.push(...chosen);
    }
    return found;
  }

  /**
   * @param {Picture} picture @param {number} sidePx @param {number} minScore
   * @param {{smallestPx?: number, largestPx?: number, window?: BoxXYXY | null}} [faces] it answers for, in
   * pixels of the scaled picture, and the part of the picture they are in
   */
  async #look(picture, sidePx, minScore, faces = {}) {
    const { smallestPx = 0, largestPx = Infinity, window = null } = faces;
    const box = letterBox(picture, sidePx);
    const cells = wholeCells(window, box);
    const [left, top, right, bottom] = cells;
    const output = await this.network(pixelsOf(box, cells), [1, bottom - top, right - left, 3]);
    return decodeFaces(output, right - left, bottom - top, minScore)
      .map((face) => shifted(face, [left, top]))
      .filter(({ boxXyxy }) => !window || isWithin(boxXyxy, cells, box))
      .filter(({ boxXyxy: b }) => {
        const facePx = Math.max(b[2] - b[0], b[3] - b[1]);
        return smallestPx <= facePx && facePx <= largestPx;
      })
      .map((face) => enlarged(face, box.ratioX, box.ratioY, picture))
      .filter(({ boxXyxy: b }) => b[2] > b[0] && b[3] > b[1]);
  }
}

/** @param {Found} face @param {[number, number]} by @returns {Found} */
function shifted({ boxXyxy, detectionScore, landmarksXy }, by) {
  const moved = (/** @type {number} */ value, /** @type {number} */ at) => value + by[at % 2];
  return { boxXyxy: boxXyxy.map(moved), detectionScore, landmarksXy: landmarksXy.map(moved) };
}

/**
 * A face in pixels of the picture, its box cut to the picture.
 * @param {Found} face @param {number} ratioX @param {number} ratioY @param {Picture} picture
 * @returns {Found}
 */
function enlarged({ boxXyxy, detectionScore, landmarksXy }, ratioX, ratioY, { width, height }) {
  const ratio = (/** @type {number} */ at) => (at % 2 ? ratioY : ratioX);
  const limit = (/** @type {number} */ at) => (at % 2 ? height : width);
  return {
    boxXyxy: boxXyxy.map((v, at) => Math.min(Math.max(v / ratio(at), 0), limit(at))),
    detectionScore,
    landmarksXy: landmarksXy.map((v, at) => v / ratio(at)),
  };
}
