// The edge of a picture: faces at it, and a face that somebody cut out. Mirrors maskwatch/vision/edge.py.

/** @typedef {import("./schema.js").Picture} Picture */
/** @typedef {import("./schema.js").Face} Face */

const CROP_SIDE_PX = 256;
const CROP_ASPECT = 0.6;
const BORDER_VALUE = 127;
const FILLS_RATIO = 0.5;

/** Whether a picture may be a face that somebody cut out. @param {number} width @param {number} height */
export function looksLikeCrop(width, height) {
  const longer = Math.max(width, height);
  return longer <= CROP_SIDE_PX && Math.min(width, height) >= CROP_ASPECT * longer;
}

/** A picture with grey round it, as wide as a third of its longer side. @param {Picture} picture @returns {Picture} */
export function withBorder({ data, width, height, channels }) {
  const margin = borderPx(width, height);
  const framed = { width: width + 2 * margin, height: height + 2 * margin, channels };
  const pixels = new Uint8Array(framed.width * framed.height * channels).fill(BORDER_VALUE);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width * channels, (y + 1) * width * channels);
    pixels.set(row, ((y + margin) * framed.width + margin) * channels);
  }
  return { ...framed, data: pixels };
}

/**
 * Faces found in a picture with its border, in the picture itself, cut at its edge.
 * @param {Face[]} faces @param {number} width @param {number} height @returns {Face[]}
 */
export function withoutBorder(faces, width, height) {
  const margin = borderPx(width, height);
  const limit = (/** @type {number} */ at) => (at % 2 ? height : width);
  return faces
    .map((face) => moved(face, -margin))
    .filter(({ boxXyxy: b }) => b[0] < width && b[1] < height && b[2] > 0 && b[3] > 0)
    .map((face) => ({
      ...face,
      boxXyxy: face.boxXyxy.map((v, at) => Math.min(Math.max(v, 0), limit(at))),
    }));
}

/**
 * Whether one of the faces is large enough to be what a picture is of.
 * @param {Face[]} faces @param {number} width @param {number} height
 */
export function fills(faces, width, height) {
  const leastPx = FILLS_RATIO * Math.min(width, height);
  return faces.some(({ boxXyxy: b }) => Math.max(b[2] - b[0], b[3] - b[1]) >= leastPx);
}

/** @param {number} width @param {number} height */
function borderPx(width, height) {
  return Math.max(1, Math.floor(Math.max(width, height) / 3));
}

/** @param {Face} face @param {number} by @returns {Face} */
function moved({ boxXyxy, detectionScore, landmarksXy }, by) {
  const shift = (/** @type {number} */ value) => value + by;
  return {
    boxXyxy: boxXyxy.map(shift),
    detectionScore,
    landmarksXy: landmarksXy && landmarksXy.map(shift),
  };
}
