// Which label a face gets and where it stands: beside faces, never on another one. Mirrors
// maskwatch/io/draw.py; texts are as wide as the browser writes them.

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {import("./schema.js").MaskState} MaskState */
/** @typedef {import("./schema.js").FaceVerdict} FaceVerdict */
/** @typedef {import("./text.js").Catalogue} Catalogue */
/** @typedef {{state: MaskState, text: string, textPx: number, width: number, height: number}} Plate */
/** @typedef {{plate: Plate, x: number, y: number}} Label */
/** @typedef {(text: string, textPx: number) => number} Measure width in pixels */

/** How large the longer side of a picture is shown, where there is room. */
export const SHOWN_PX = 800;

const SMALLEST_TEXT_PX = 11;
const FACES_WIDE = 3;
const FACE_SHARE = 1 / 4;

/** How much is left of and right of the text on a plate. @param {number} textPx */
export function padPx(textPx) {
  return Math.max(2, Math.floor(textPx / 3));
}

/**
 * The label of a picture that is one face: at the bottom, inside its border.
 * @param {FaceVerdict} face @param {[number, number]} size of the picture
 * @param {Catalogue} say @param {Measure} measure @returns {Label}
 */
export function pictureLabel(face, [width, height], say, measure) {
  const textPx = Math.max(SMALLEST_TEXT_PX, Math.floor(Math.min(width, height) / 15));
  const plate = makePlate(face.state, say.verdict(face), textPx, width, measure);
  return { plate, x: 0, y: Math.max(0, height - plate.height) };
}

/**
 * The labels of the faces in a picture; the largest face chooses first.
 * @param {FaceVerdict[]} faces @param {[number, number]} size of the picture
 * @param {number} shownPx how large its longer side will be shown; text is made for that
 * @param {Catalogue} say @param {Measure} measure @returns {Label[]}
 */
export function faceLabels(faces, size, shownPx, say, measure) {
  /** @type {Label[]} */
  const labels = [];
  const area = (/** @type {FaceVerdict} */ { boxXyxy: b }) => (b[2] - b[0]) * (b[3] - b[1]);
  for (const face of [...faces].sort((a, b) => area(b) - area(a))) {
    const taken = faces.filter((other) => other !== face).map((other) => other.boxXyxy);
    taken.push(...labels.map(boxOf));
    const free = candidates(face, size, shownPx, say, measure, faces.length === 1).find((label) =>
      isFree(boxOf(label), taken, size),
    );
    if (free) labels.push(free);
  }
  return labels;
}

/** @param {Label} label @returns {BoxXYXY} */
function boxOf({ plate, x, y }) {
  return [x, y, x + plate.width, y + plate.height];
}

/**
 * Labels for a face, the most telling first: outside it, then inside, then the mere symbol.
 * @param {FaceVerdict} face @param {[number, number]} size @param {number} shownPx
 * @param {Catalogue} say @param {Measure} measure @param {boolean} alone
 */
function candidates(face, size, shownPx, say, measure, alone) {
  const [left, top, right, bottom] = face.boxXyxy;
  const longer = Math.max(...size);
  const leastPx = Math.max(SMALLEST_TEXT_PX, Math.floor((longer * 10) / shownPx));
  const largestPx = Math.floor((longer * 16) / shownPx);
  const textPx = Math.max(leastPx, Math.min(Math.round((right - left) / 6), largestPx));
  const make = (/** @type {string} */ text, /** @type {number} */ px) =>
    makePlate(face.state, text, px, size[0], measure);
  const plates = [make(say.verdict(face), textPx), make(say.certainty(face, 0), leastPx)].filter(
    (plate) => alone || plate.width <= FACES_WIDE * (right - left),
  );
  const symbol = make("", Math.round(leastPx * 0.6));
  const inside = [...plates, symbol].filter(
    ({ width, height }) => width <= right - left && height <= (bottom - top) * FACE_SHARE,
  );
  return [
    ...plates.flatMap((plate) => corners(face.boxXyxy, plate, size)),
    ...inside.map((plate) => ({
      ...{ plate, x: Math.ceil(left), y: Math.floor(bottom) - plate.height },
    })),
    ...corners(face.boxXyxy, symbol, size),
  ];
}

/** Places round a face. @param {BoxXYXY} box @param {Plate} plate @param {[number, number]} size @returns {Label[]} */
function corners(box, plate, size) {
  const [left, top] = [Math.floor(box[0]), Math.floor(box[1])];
  const [right, bottom] = [Math.ceil(box[2]), Math.ceil(box[3])];
  const lastX = size[0] - plate.width;
  const places = [top - plate.height, bottom].flatMap((y) =>
    [left, right - plate.width].map((x) => ({ plate, x: Math.max(0, Math.min(x, lastX)), y })),
  );
  return [...places, { plate, x: right, y: top }, { plate, x: left - plate.width, y: top }];
}

/** @param {BoxXYXY} box @param {BoxXYXY[]} taken @param {[number, number]} size */
function isFree([left, top, right, bottom], taken, [width, height]) {
  if (left < 0 || top < 0 || right > width || bottom > height) return false;
  return taken.every(
    (other) =>
      other[2] <= left || other[0] >= right || other[3] <= top || other[1] >= bottom,
  );
}

/**
 * A symbol and a text, smaller where the picture is narrow.
 * @param {MaskState} state @param {string} text @param {number} textPx @param {number} roomPx
 * @param {Measure} measure @returns {Plate}
 */
function makePlate(state, text, textPx, roomPx, measure) {
  for (;;) {
    const height = Math.round(textPx * 1.7); // also the side of the square with the symbol
    const written = text ? 2 * padPx(textPx) + Math.ceil(measure(text, textPx)) : 0;
    const width = height + written;
    if (width <= roomPx || textPx <= 8) return { state, text, textPx, width, height };
    textPx = Math.max(8, Math.min(textPx - 1, Math.floor((textPx * roomPx) / width)));
  }
}
