// Picture -> report. Mirrors maskwatch/pipeline.py.

import { Classifier } from "./classify.js";
import { cropFace } from "./crop.js";
import { FaceDetector } from "./detect.js";
import { fills, looksLikeCrop, withBorder, withoutBorder } from "./edge.js";
import { measureQuality } from "./quality.js";

/** @typedef {import("./schema.js").Picture} Picture */
/** @typedef {import("./schema.js").Face} Face */
/** @typedef {import("./schema.js").FaceOrigin} FaceOrigin */
/** @typedef {import("./schema.js").FaceVerdict} FaceVerdict */
/** @typedef {import("./schema.js").FrameReport} FrameReport */
/** @typedef {import("./detect.js").Network} Network */

export class Analyzer {
  /**
   * @param {{classifier: Network, detector: Network}} networks
   * @param {import("./schema.js").Cards} cards
   */
  constructor(networks, cards) {
    this.cards = cards;
    this.classifier = new Classifier(networks.classifier, cards.classifier);
    this.detector = new FaceDetector(networks.detector, cards.detector);
  }

  /** @param {Picture} picture @param {string | null} source @returns {Promise<FrameReport>} */
  async analyze(picture, source = null) {
    /** @type {Face[]} */
    let faces = await this.detector.detect(picture);
    /** @type {FaceOrigin} */
    let origin = "detected";
    const { width, height } = picture;
    if (!faces.length && looksLikeCrop(width, height)) {
      const found = await this.detector.detect(withBorder(picture));
      faces = withoutBorder(found, width, height);
      if (fills(faces, width, height)) {
        faces = [{ boxXyxy: [0, 0, width, height], detectionScore: 1, landmarksXy: null }];
        origin = "whole_image";
      }
    }
    return this.report(await this.judge(picture, readingOrder(faces), origin), picture, {
      faceOrigin: origin,
      source,
    });
  }

  /**
   * @param {FaceVerdict[]} faces @param {Picture} picture
   * @param {{faceOrigin?: FaceOrigin, source?: string | null}} [about]
   * @returns {FrameReport}
   */
  report(faces, { width, height }, { faceOrigin = "detected", source = null } = {}) {
    const { classifier, detector } = this.cards;
    const names = { model: classifier.name, detector: detector.name };
    return { faces, imageSizeWh: [width, height], faceOrigin, source, ...names };
  }

  /**
   * The faces of a frame, and whether each is one beyond doubt.
   * @param {Picture} picture @param {import("./schema.js").BoxXYXY | null} [window] to look at; all if null
   */
  async findLive(picture, window = null) {
    const faces = await this.detector.detectLive(picture, window);
    const { live_min_score: least } = this.cards.detector;
    return { faces, sure: faces.map((face) => face.detectionScore >= least) };
  }

  /**
   * @template {Face} T
   * @param {Picture} picture @param {T[]} faces @param {FaceOrigin} [origin]
   * @returns {Promise<(T & FaceVerdict)[]>} in their order
   */
  async judge(picture, faces, origin = "detected") {
    const { input_side_px: sidePx, classes } = this.cards.classifier;
    const margin = this.#marginRatio(origin);
    const crops = faces.map((face) => cropFace(picture, face.boxXyxy, sidePx, margin));
    const rows = await this.classifier.probabilities(crops);
    return faces.map((face, at) => ({
      ...face,
      ...this.classifier.decide(rows[at]),
      probabilities: /** @type {import("./schema.js").Probabilities} */ (
        Object.fromEntries(classes.map((state, k) => [state, rows[at][k]]))
      ),
      quality: this.quality(picture, face, origin),
    }));
  }

  /** @param {Picture} picture @param {Face} face @param {FaceOrigin} [origin] */
  quality(picture, face, origin = "detected") {
    return measureQuality(picture, face, this.#marginRatio(origin));
  }

  /** @param {FaceOrigin} origin */
  #marginRatio(origin) {
    return origin === "whole_image" ? 0 : this.cards.classifier.crop_margin_ratio;
  }
}

/** Rows from top to bottom, each from left to right. @template {Face} T @param {T[]} faces @returns {T[]} */
export function readingOrder(faces) {
  /** @type {T[][]} */
  const rows = [];
  const middle = (/** @type {Face} */ { boxXyxy: box }) => (box[1] + box[3]) / 2;
  for (const face of [...faces].sort((a, b) => middle(a) - middle(b))) {
    const row = rows.at(-1);
    if (row && middle(face) <= row[0].boxXyxy[3]) row.push(face);
    else rows.push([face]);
  }
  return rows.flatMap((row) => row.sort((a, b) => a.boxXyxy[0] - b.boxXyxy[0]));
}
