// Which part of a frame the detector looks at. Mirrors maskwatch/vision/attention.py, where the values are
// explained.

import { COLUMNS, ROWS } from "./cut.js";

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {[number, number]} SizeWH */

const WHOLE_EVERY = 3;
const WHOLE_EVERY_S = 0.15;
const EMPTY_S = 0.5;
const MARGIN = 0.75;
const MOST_SHARE = 0.6;
const MOST_FACES = 2;
const MOVED = 12;

/** @type {BoxXYXY} */
export const NOWHERE = [0, 0, 0, 0];

export class Attention {
  /** @type {SizeWH} */
  #size = [0, 0];
  /** @type {BoxXYXY[]} */
  #boxes = [];
  /** @type {Float64Array | null} what the last whole look saw */
  #still = null;
  /** @type {Float64Array | null} what the last look saw */
  #last = null;
  #doubts = false;
  #frames = 0;
  #sinceS = 0;

  /**
   * The part of the next frame to look at; null for all of it, or NOWHERE.
   * @param {Float64Array} patches of the frame, see CutFinder
   * @param {SizeWH} size of it @param {number} elapsedS since the last frame
   * @returns {BoxXYXY | null}
   */
  window(patches, size, elapsedS) {
    this.#frames += 1;
    this.#sinceS += elapsedS;
    if (size[0] !== this.#size[0] || size[1] !== this.#size[1]) {
      this.#still = null;
      this.#size = size;
    }
    const all = !this.#still || this.#isDue();
    if (!all && !this.#doubts && !moved(this.#last, patches).some(Boolean)) return NOWHERE;
    const window = all ? null : this.#calmWindow(patches, size);
    if (!window) [this.#still, this.#frames, this.#sinceS] = [patches, 0, 0];
    this.#last = patches;
    return window;
  }

  /** Whether it is time to look at all of the frame. */
  #isDue() {
    if (this.#boxes.length === 0) return this.#sinceS >= EMPTY_S;
    return this.#frames >= WHOLE_EVERY || this.#sinceS >= WHOLE_EVERY_S;
  }

  /** Round the known faces, if nothing else has moved. @param {Float64Array} patches @param {SizeWH} size */
  #calmWindow(patches, size) {
    const faces = this.#boxes.length;
    const window = faces > 0 && faces <= MOST_FACES ? windowRound(this.#boxes, size) : null;
    if (!window) return null;
    const elsewhere = moved(this.#still, patches).some((is, at) => is && !isCovered(at, window, size));
    return elsewhere ? null : window;
  }

  /** How many faces a window is put round. */
  get followed() {
    return this.#boxes.length;
  }

  /** Be told which faces are to be followed, and whether there is what may become one.
   * @param {BoxXYXY[]} boxes @param {boolean} doubts */
  see(boxes, doubts) {
    this.#boxes = boxes;
    this.#doubts = doubts;
  }

  /** Be told that somebody is not where a face was. */
  lose() {
    this.#still = null;
  }
}

/** Which patches have changed. @param {Float64Array | null} last @param {Float64Array} patches */
function moved(last, patches) {
  return Array.from(patches, (value, at) => !last || Math.abs(value - last[at]) > MOVED);
}

/** The part of the frame round all boxes; null where that is nearly all of it.
 * @param {BoxXYXY[]} boxes @param {SizeWH} size @returns {BoxXYXY | null} */
function windowRound(boxes, [width, height]) {
  const wide = boxes.map(([left, top, right, bottom]) => {
    const margin = MARGIN * Math.max(right - left, bottom - top);
    return [left - margin, top - margin, right + margin, bottom + margin];
  });
  const left = Math.max(Math.min(...wide.map((box) => box[0])), 0);
  const top = Math.max(Math.min(...wide.map((box) => box[1])), 0);
  const right = Math.min(Math.max(...wide.map((box) => box[2])), width);
  const bottom = Math.min(Math.max(...wide.map((box) => box[3])), height);
  const share = (right - left) * (bottom - top);
  return share > MOST_SHARE * width * height ? null : [left, top, right, bottom];
}

/** Whether a window touches a patch. @param {number} at @param {BoxXYXY} window @param {SizeWH} size */
function isCovered(at, [left, top, right, bottom], [width, height]) {
  const x = ((at % COLUMNS) * width) / COLUMNS;
  const y = (Math.trunc(at / COLUMNS) * height) / ROWS;
  return x + width / COLUMNS > left && x < right && y + height / ROWS > top && y < bottom;
}
