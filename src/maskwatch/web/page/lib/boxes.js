// A detector's answer -> faces; and which of many to keep. Mirrors maskwatch/vision/detect.py.

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {{boxXyxy: BoxXYXY, detectionScore: number, landmarksXy: number[]}} Found */

export const STRIDES_PX = [8, 16, 32];

const LANDMARKS = 5;
const POINT_VALUES = 5 + 2 * LANDMARKS;
const MAX_CANDIDATES = 2000;
const VOTE_IOU = 0.6;
const VOTE_SCORE = 0.7;
const MAX_LOG_SIZE = 8;

/**
 * @param {ArrayLike<number>} output (A, 15) row by row
 * @param {number} width of the network's input @param {number} height
 * @param {number} minScore
 * @returns {Found[]} in pixels of the input, in the order of the points
 */
export function decodeFaces(output, width, height, minScore) {
  const least = Math.log(minScore / (1 - minScore));
  const found = [];
  let at = 0;
  for (const stride of STRIDES_PX) {
    for (let row = 0; row < Math.floor(height / stride); row++) {
      for (let column = 0; column < Math.floor(width / stride); column++, at += POINT_VALUES) {
        if (output[at] < least) continue;
        found.push(decoded(output, at, (column + 0.5) * stride, (row + 0.5) * stride, stride));
      }
    }
  }
  return found;
}

/**
 * @param {ArrayLike<number>} output @param {number} at
 * @param {number} x of the cell's middle @param {number} y @param {number} stride
 * @returns {Found}
 */
function decoded(output, at, x, y, stride) {
  const middleX = x + output[at + 1] * stride;
  const middleY = y + output[at + 2] * stride;
  const halfWidth = (Math.exp(Math.min(output[at + 3], MAX_LOG_SIZE)) * stride) / 2;
  const halfHeight = (Math.exp(Math.min(output[at + 4], MAX_LOG_SIZE)) * stride) / 2;
  const landmarksXy = [];
  for (let from = at + 5; from < at + POINT_VALUES; from += 2) {
    landmarksXy.push(x + output[from] * stride, y + output[from + 1] * stride);
  }
  return {
    boxXyxy: [
      middleX - halfWidth,
      middleY - halfHeight,
      middleX + halfWidth,
      middleY + halfHeight,
    ],
    detectionScore: 1 / (1 + Math.exp(-output[at])),
    landmarksXy,
  };
}

/**
 * Greedy suppression with box voting.
 * @param {Found[]} found @param {number} maxIou
 * @returns {Found[]} what stays, each the mean of what saw the same face; best first
 */
export function suppressOverlaps(found, maxIou) {
  let order = [...found]
    .sort((a, b) => b.detectionScore - a.detectionScore)
    .slice(0, MAX_CANDIDATES);
  const kept = [];
  while (order.length) {
    const [best, ...rest] = order;
    const voters = [best];
    order = [];
    for (const other of rest) {
      const overlap = iou(best.boxXyxy, other.boxXyxy);
      const sees = other.detectionScore >= VOTE_SCORE * best.detectionScore;
      if (overlap >= Math.max(VOTE_IOU, maxIou) && sees) voters.push(other);
      if (overlap <= maxIou) order.push(other);
    }
    kept.push(mean(voters));
  }
  return kept;
}

/** @param {Found[]} voters the best first @returns {Found} */
function mean(voters) {
  const [best] = voters;
  const total = voters.reduce((sum, voter) => sum + voter.detectionScore, 0);
  /** @param {"boxXyxy" | "landmarksXy"} name */
  const weighted = (name) =>
    best[name].map((_, at) =>
      voters.reduce((sum, voter) => sum + (voter.detectionScore / total) * voter[name][at], 0),
    );
  return {
    boxXyxy: weighted("boxXyxy"),
    detectionScore: best.detectionScore,
    landmarksXy: weighted("landmarksXy"),
  };
}

/** Intersection over union; a box without area overlaps nothing. @param {BoxXYXY} a @param {BoxXYXY} b */
function iou(a, b) {
  const width = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const height = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const common = width * height;
  const union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common;
  return union > 0 ? common / union : 0;
}
