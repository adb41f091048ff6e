// How well a face can be seen, and how much a verdict on it counts. Mirrors maskwatch/vision/quality.py.

import { cropFace } from "./crop.js";

/** @typedef {import("./schema.js").Face} Face */
/** @typedef {import("./schema.js").FaceQuality} FaceQuality */
/** @typedef {[number, number]} Ramp where a weight leaves 0 and where it reaches 1 */

const SHARPNESS_SIDE_PX = 48;
const LEAST_SIDE_PX = 8;
const FAR_PX = 4;
const NOISE_STEP = 16;
const REACH = 1.05;

/** @type {Ramp} */
const SIDE_PX = [6, 12];
/** @type {Ramp} */
const SHARPNESS = [0, 0.1];
/** @type {Ramp} */
const ROLL_DEG = [80, 55];
/** @type {Ramp} */
const VISIBLE_RATIO = [0.65, 0.8];
/** @type {Ramp} */
const YAW_DEG = [90, 70];
/** @type {Ramp} */
const DETECTION_SCORE = [0.5, 0.71];

/**
 * @param {import("./schema.js").Picture} picture @param {Face} face @param {number} marginRatio
 * @returns {FaceQuality}
 */
export function measureQuality(picture, { boxXyxy, landmarksXy }, marginRatio) {
  const [left, top, right, bottom] = boxXyxy;
  const [rollDeg, yawDeg] = landmarksXy ? turnsDeg(landmarksXy) : [null, null];
  const sidePx = Math.max(right - left, bottom - top);
  // a small face is measured as it is: enlarged it would always look blurred
  const measuredPx = Math.min(Math.max(Math.floor(sidePx + 0.5), LEAST_SIDE_PX), SHARPNESS_SIDE_PX);
  return {
    sidePx,
    sharpness: sharpness(cropFace(picture, boxXyxy, measuredPx, 0), measuredPx),
    visibleRatio: visibleRatio(boxXyxy, landmarksXy, marginRatio, picture),
    rollDeg,
    yawDeg,
  };
}

/** How much a verdict on such a face should count, 0 to 1.
 * @param {FaceQuality} quality @param {number} detectionScore */
export function evidenceWeight(quality, detectionScore) {
  const { sidePx, sharpness: crispness, visibleRatio: visible, rollDeg, yawDeg } = quality;
  return (
    ramp(detectionScore, DETECTION_SCORE) *
    ramp(sidePx, SIDE_PX) *
    ramp(crispness, SHARPNESS) *
    ramp(visible, VISIBLE_RATIO) *
    (rollDeg === null ? 1 : ramp(Math.abs(rollDeg), ROLL_DEG)) *
    (yawDeg === null ? 1 : ramp(Math.abs(yawDeg), YAW_DEG))
  );
}

/** @param {Uint8Array} crop (side, side, 3) @param {number} side */
function sharpness(crop, side) {
  const grey = new Float32Array(side ** 2);
  for (let at = 0, from = 0; at < grey.length; at++, from += 3) {
    // OpenCV's weights of red, green and blue
    grey[at] =
      (crop[from] * 9798 + crop[from + 1] * 19235 + crop[from + 2] * 3735 + 16384) >> 15;
  }
  const [near, far] = [1, FAR_PX].map((stepPx) => meanSquareStep(grey, side, stepPx));
  const ratio = Math.sqrt(near / (far + NOISE_STEP));
  return Math.min(Math.max(FAR_PX * ratio - 1, 0), 1);
}

/** @param {Float32Array} grey @param {number} side @param {number} stepPx */
function meanSquareStep(grey, side, stepPx) {
  let sum = 0;
  for (let line = 0; line < side; line++) {
    for (let at = 0; at + stepPx < side; at++) {
      const across = grey[line * side + at + stepPx] - grey[line * side + at];
      const down = grey[(at + stepPx) * side + line] - grey[at * side + line];
      sum += across * across + down * down;
    }
  }
  return sum / (side * (side - stepPx));
}

/** Roll and yaw. @param {number[]} landmarksXy @returns {[number, number] | [null, null]} */
function turnsDeg([rightX, rightY, leftX, leftY, noseX, noseY, mouthRX, mouthRY, mouthLX, mouthLY]) {
  const acrossX = (leftX - rightX + mouthLX - mouthRX) / 2;
  const acrossY = (leftY - rightY + mouthLY - mouthRY) / 2;
  const breadth = Math.hypot(acrossX, acrossY);
  if (!(breadth > 0)) return [null, null];
  const offX = noseX - (rightX + leftX + mouthRX + mouthLX) / 4;
  const offY = noseY - (rightY + leftY + mouthRY + mouthLY) / 4;
  const offset = (offX * acrossX + offY * acrossY) / breadth;
  return [degrees(Math.atan2(acrossY, acrossX)), degrees(Math.atan(offset / (breadth / 2)))];
}

/**
 * Share of a face and its margin inside the picture.
 * @param {number[]} boxXyxy @param {number[] | null} points @param {number} marginRatio
 * @param {{width: number, height: number}} picture
 */
function visibleRatio(boxXyxy, points, marginRatio, { width, height }) {
  let [left, top, right, bottom] = boxXyxy;
  if (points) {
    const eyes = [(points[0] + points[2]) / 2, (points[1] + points[3]) / 2];
    const mouth = [(points[6] + points[8]) / 2, (points[7] + points[9]) / 2];
    const spans = [
      Math.hypot(mouth[0] - eyes[0], mouth[1] - eyes[1]),
      Math.hypot(points[2] - points[0], points[3] - points[1]),
    ];
    const reach = REACH * Math.max(...spans);
    const [x, y] = [(eyes[0] + mouth[0]) / 2, (eyes[1] + mouth[1]) / 2];
    [left, right] = [Math.min(left, x - reach), Math.max(right, x + reach)];
    [top, bottom] = [Math.min(top, y - reach), Math.max(bottom, y + reach)];
  }
  const [wide, high] = [marginRatio * (right - left), marginRatio * (bottom - top)];
  return share(left - wide, right + wide, width) * share(top - high, bottom + high, height);
}

/** @param {number} low @param {number} high @param {number} limit */
function share(low, high, limit) {
  return Math.max(Math.min(high, limit) - Math.max(low, 0), 0) / (high - low);
}

/** @param {number} value @param {Ramp} ramp */
function ramp(value, [zero, one]) {
  return Math.min(Math.max((value - zero) / (one - zero), 0), 1);
}

/** @param {number} radians */
function degrees(radians) {
  return (radians * 180) / Math.PI;
}
