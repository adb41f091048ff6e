// The records that cross the borders between stages, and their one serialised form. Mirrors
// maskwatch/schema.py; there stands what each value means.

import { Rounded } from "./number.js";

/**
 * Pixels row by row. A canvas gives four channels, what was scaled has three; the first are RGB.
 * @typedef {object} Picture
 * @property {Uint8Array | Uint8ClampedArray} data
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 */
/** @typedef {number[]} BoxXYXY left, top, right, bottom in pixels of the picture */
/** @typedef {"mask" | "no_mask" | "incorrect_mask"} MaskClass */
/** @typedef {MaskClass | "unsure"} MaskState */
/** @typedef {"detected" | "whole_image"} FaceOrigin */
/** @typedef {Record<MaskClass, number>} Probabilities */

/**
 * @typedef {object} Face
 * @property {BoxXYXY} boxXyxy
 * @property {number} detectionScore
 * @property {number[] | null} landmarksXy x and y of five points by turns
 */
/**
 * @typedef {object} FaceQuality
 * @property {number} sidePx
 * @property {number} sharpness
 * @property {number} visibleRatio
 * @property {number | null} rollDeg
 * @property {number | null} yawDeg
 */
/**
 * @typedef {object} Verdict what a network says of a face
 * @property {MaskState} state
 * @property {number} confidence
 * @property {Probabilities} probabilities
 * @property {FaceQuality} quality
 */
/** @typedef {Face & Verdict} FaceVerdict */
/** @typedef {FaceVerdict & {trackId: number, rawState: MaskState, stateAgeS: number}} TrackedFace */
/**
 * @typedef {object} FrameReport
 * @property {(FaceVerdict | TrackedFace)[]} faces
 * @property {[number, number]} imageSizeWh
 * @property {FaceOrigin} faceOrigin
 * @property {string} model
 * @property {string} detector
 * @property {string | null} source
 */
/** @typedef {{source: string, reason: string}} ImageError a picture that cannot be read */

/**
 * A network's file as the page loads it: the network with its steps joined, so another content than the
 * card's, and how much is left to do for ONNX Runtime.
 * @typedef {{sha256: string, optimization: "disabled" | "basic"}} NetworkFile
 */
/**
 * What the browser needs to know of the networks; see maskwatch/models/card.py.
 * @typedef {object} ModelCard
 * @property {string} name
 * @property {string} sha256
 * @property {NetworkFile} file
 * @property {MaskClass[]} classes
 * @property {number} input_side_px
 * @property {number} crop_margin_ratio
 * @property {number} temperature
 * @property {number[]} logit_shift
 * @property {number} unsure_below
 */
/**
 * @typedef {object} DetectorCard
 * @property {string} name
 * @property {string} sha256
 * @property {NetworkFile} file
 * @property {number} side_px
 * @property {number} live_side_px
 * @property {number} coarse_side_px
 * @property {number} fine_face_px
 * @property {number} coarse_face_px
 * @property {number} min_score
 * @property {number} live_min_score
 * @property {"off" | "auto"} tiles whether large photos are also searched tile by tile
 * @property {number} nms_iou
 */
/** @typedef {{classifier: ModelCard, detector: DetectorCard}} Cards */

export const REPORT_SCHEMA = "maskwatch.report/1";

/** @type {MaskClass[]} */
export const CLASSES = ["mask", "no_mask", "incorrect_mask"];

/** @type {MaskState[]} */
export const STATES = [...CLASSES, "unsure"];

/**
 * The one serialised form of a result, the same as Python's; fractions are `Rounded`.
 * @param {FrameReport | ImageError} result
 */
export function toDocument(result) {
  if ("reason" in result) {
    return { schema: REPORT_SCHEMA, source: result.source, error: result.reason };
  }
  return {
    schema: REPORT_SCHEMA,
    source: result.source,
    image_size_wh: result.imageSizeWh,
    face_origin: result.faceOrigin,
    model: result.model,
    detector: result.detector,
    faces: result.faces.map(faceDocument),
  };
}

/** @param {FaceVerdict | TrackedFace} face */
function faceDocument(face) {
  const { landmarksXy: points, quality } = face;
  const told = {
    box_xyxy: face.boxXyxy.map((value) => new Rounded(value, 2)),
    detection_score: new Rounded(face.detectionScore, 4),
    state: face.state,
    confidence: new Rounded(face.confidence, 4),
    probabilities: Object.fromEntries(
      Object.entries(face.probabilities).map(([state, p]) => [state, new Rounded(p, 4)]),
    ),
    landmarks_xy: points && pairs(points.map((value) => new Rounded(value, 2))),
    quality: {
      side_px: new Rounded(quality.sidePx, 2),
      sharpness: new Rounded(quality.sharpness, 4),
      visible_ratio: new Rounded(quality.visibleRatio, 4),
      roll_deg: quality.rollDeg === null ? null : new Rounded(quality.rollDeg, 1),
      yaw_deg: quality.yawDeg === null ? null : new Rounded(quality.yawDeg, 1),
    },
  };
  if (!("trackId" in face)) return told;
  const { trackId, rawState, stateAgeS } = face;
  const age = new Rounded(stateAgeS, 3);
  return { ...told, track_id: trackId, raw_state: rawState, state_age_s: age };
}

/** @template T @param {T[]} values */
function pairs(values) {
  return values.flatMap((value, at) => (at % 2 ? [] : [[value, values[at + 1]]]));
}
