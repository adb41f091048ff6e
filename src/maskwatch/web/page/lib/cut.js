// Frame after frame -> whether the picture has become another one. Mirrors maskwatch/vision/cut.py, where the
// values are explained.

export const COLUMNS = 16;
export const ROWS = 9;
const POINTS = 4;
const FLAT = 225;
const LEAST_LIKENESS = 0.6;
const LESS_A_SECOND = 1.5;

export class CutFinder {
  /** How bright the patches of the frame taken in last are beside their mean, row by row. */
  patches = new Float64Array(ROWS * COLUMNS);
  /** @type {Float64Array | null} */
  #last = null;
  #sinceS = 0;

  /** Takes in the next frame; whether it shows another scene than the last one.
   * @param {import("./schema.js").Picture} picture @param {number} elapsedS since the last frame */
  isCut(picture, elapsedS) {
    this.#sinceS += elapsedS;
    const [last, sinceS] = [this.#last, this.#sinceS];
    const now = patchesOf(picture);
    this.patches = now;
    if (product(now, now) < FLAT) return false;
    this.#last = now;
    this.#sinceS = 0;
    return last !== null && likeness(last, now) < LEAST_LIKENESS - LESS_A_SECOND * sinceS;
  }
}

/** How bright the patches of a frame are beside their mean.
 * @param {import("./schema.js").Picture} picture */
function patchesOf({ data, width, height, channels }) {
  const sums = new Float64Array(ROWS * COLUMNS);
  for (let row = 0; row < ROWS * POINTS; row++) {
    const y = point(row, ROWS, height);
    for (let column = 0; column < COLUMNS * POINTS; column++) {
      const at = (y * width + point(column, COLUMNS, width)) * channels;
      const patch = Math.trunc(row / POINTS) * COLUMNS + Math.trunc(column / POINTS);
      sums[patch] += (data[at] + data[at + 1] + data[at + 2]) / POINTS ** 2;
    }
  }
  const mean = sums.reduce((sum, value) => sum + value, 0) / sums.length;
  return sums.map((value) => value - mean);
}

/** @param {number} index @param {number} patches @param {number} length in pixels */
function point(index, patches, length) {
  return Math.trunc(((index * 2 + 1) * length) / (2 * patches * POINTS));
}

/** @param {Float64Array} one @param {Float64Array} other */
function likeness(one, other) {
  return product(one, other) / Math.sqrt(product(one, one) * product(other, other));
}

/** @param {Float64Array} one @param {Float64Array} other */
function product(one, other) {
  return one.reduce((sum, value, at) => sum + value * other[at], 0) / one.length;
}
