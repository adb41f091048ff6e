// Frames of one camera -> reports whose labels stay put. Mirrors maskwatch/stream.py.

import { Attention, NOWHERE } from "./attention.js";
import { CutFinder } from "./cut.js";
import { readingOrder } from "./pipeline.js";
import { evidenceWeight } from "./quality.js";
import { Smoother, settingsFrom } from "./smooth.js";
import { Tracker } from "./track.js";

/** @typedef {import("./schema.js").Picture} Picture */
/** @typedef {import("./schema.js").FaceVerdict} FaceVerdict */
/** @typedef {import("./schema.js").TrackedFace} TrackedFace */
/** @typedef {import("./smooth.js").SteadyState} SteadyState */
/** @typedef {import("./schema.js").Face & {trackId: number}} Known */

const LOOK_AGAIN_S = 0.1;
const BEYOND_DOUBT = 0.95;
const STAGGER = (Math.sqrt(5) - 1) / 2;
const SAME_SHAPE = 0.03;

export class Stream {
  #tracker = new Tracker();
  #cuts = new CutFinder();
  #attention = new Attention();
  /** @type {Awaited<ReturnType<import("./pipeline.js").Analyzer["findLive"]>> | null} */
  #found = null;
  /** @type {Map<number, SteadyState>} */
  #steady = new Map();
  /** @type {Map<number, {verdict: Known & FaceVerdict, turn: number}>} */
  #last = new Map();
  /** @type {number | null} */
  #timeS = null;
  /** @type {[number, number] | null} */
  #size = null;
  #watchedS = 0;

  /** @param {import("./pipeline.js").Analyzer} analyzer @param {number} [steadiness] */
  constructor(analyzer, steadiness = 0.5) {
    this.analyzer = analyzer;
    this.smoother = new Smoother(settingsFrom(steadiness));
  }

  /** @param {Picture} picture @param {number} timeS when it was taken, on any clock */
  async update(picture, timeS) {
    const elapsedS = this.#tick(timeS);
    this.#fit(picture);
    if (this.#cuts.isCut(picture, elapsedS)) {
      this.#tracker.forget();
      this.#attention.lose();
    }
    const { faces: found, sure } = await this.#find(picture, elapsedS);
    const boxes = found.map((face) => face.boxXyxy);
    const trackIds = this.#tracker.update(boxes, sure, elapsedS);
    this.#attend(boxes, trackIds);
    const tracked = found.flatMap((face, at) => {
      const trackId = trackIds[at];
      return trackId === null ? [] : [{ ...face, trackId }];
    });
    const seen = await this.#verdicts(picture, readingOrder(tracked));
    const looks = new Map(seen.map((verdict) => [verdict.trackId, look(verdict)]));
    this.#steady = this.smoother.update(looks, this.#tracker.trackIds, elapsedS);
    const doubtful = seen.some((v) => v.state !== this.#steady.get(v.trackId)?.state);
    if (doubtful) this.#attention.lose(); // an answer may be about to change: nothing is to be late
    const faces = seen.map((verdict) => trackedFace(verdict, this.#steady));
    return this.analyzer.report(faces, picture);
  }

  /** In a frame of another size, looks for everybody where they are in that one. @param {Picture} picture */
  #fit({ width, height }) {
    const [lastWidth, lastHeight] = this.#size ?? [width, height];
    this.#size = [width, height];
    const [across, down] = [width / lastWidth, height / lastHeight];
    if (Math.abs(across / down - 1) > SAME_SHAPE) this.#tracker.forget();
    else if (across !== 1 || down !== 1) this.#tracker.scale([across, down]);
  }

  /** The faces of a frame, looked for all over it, where they were or not at all. @param {Picture} picture @param {number} elapsedS */
  async #find(picture, elapsedS) {
    const { width, height } = picture;
    const window = this.#attention.window(this.#cuts.patches, [width, height], elapsedS);
    if (window === NOWHERE && this.#found) return this.#found;
    const seen = await this.analyzer.findLive(picture, window);
    const lacks = window && seen.faces.length < this.#attention.followed;
    this.#found = lacks ? await this.analyzer.findLive(picture) : seen;
    return this.#found;
  }

  /** Follows the faces that have a number; if one is gone, looks for it everywhere.
   * @param {import("./schema.js").BoxXYXY[]} boxes @param {(number | null)[]} trackIds */
  #attend(boxes, trackIds) {
    const known = boxes.filter((_, at) => trackIds[at] !== null);
    this.#attention.see(known, known.length < boxes.length);
    if ([...this.#tracker.trackIds].some((id) => !trackIds.includes(id))) this.#attention.lose();
  }

  /**
   * Judges the faces that are due; of the others takes the last verdict, seen as they are now.
   * @param {Picture} picture @param {Known[]} tracked
   */
  async #verdicts(picture, tracked) {
    const turns = new Map(
      tracked.map(({ trackId: id }) => [
        id,
        Math.trunc(this.#watchedS / LOOK_AGAIN_S + id * STAGGER),
      ]),
    );
    const turnOf = (/** @type {Known} */ face) => Number(turns.get(face.trackId));
    const due = tracked.filter((face) => this.#isDue(face.trackId, turnOf(face)));
    const judged = await this.analyzer.judge(picture, due);
    const fresh = new Map(judged.map((verdict) => [verdict.trackId, verdict]));
    const verdicts = tracked.map((face) => {
      const verdict = fresh.get(face.trackId) ?? this.#last.get(face.trackId)?.verdict;
      if (!verdict) throw new Error("a face that is not due was judged before");
      if (fresh.has(face.trackId)) return verdict;
      return { ...verdict, ...face, quality: this.analyzer.quality(picture, face) };
    });
    this.#last = new Map(verdicts.map((v) => [v.trackId, { verdict: v, turn: turnOf(v) }]));
    return verdicts;
  }

  /** @param {number} id @param {number} turn */
  #isDue(id, turn) {
    const last = this.#last.get(id);
    const steady = this.#steady.get(id);
    if (!last || !steady || last.turn !== turn) return true;
    if (steady.state === "unsure") return true;
    const certain = steady.probabilities[steady.state] >= BEYOND_DOUBT;
    return !certain || last.verdict.state !== steady.state;
  }

  /** Seconds since the last frame. @param {number} timeS */
  #tick(timeS) {
    const elapsedS = this.#timeS === null ? 0 : Math.max(0, timeS - this.#timeS);
    this.#timeS = timeS;
    this.#watchedS += elapsedS;
    return elapsedS;
  }
}

/** @param {FaceVerdict} verdict */
function look({ probabilities, quality, detectionScore }) {
  return { probabilities, weight: evidenceWeight(quality, detectionScore) };
}

/** @param {Known & FaceVerdict} verdict @param {Map<number, SteadyState>} steadyStates @returns {TrackedFace} */
function trackedFace(verdict, steadyStates) {
  const steady = steadyStates.get(verdict.trackId);
  if (!steady) throw new Error("every face of a frame has a state");
  const { state, probabilities, ageS } = steady;
  const likeliest = Math.max(...Object.values(probabilities));
  return {
    ...verdict,
    rawState: verdict.state,
    state,
    probabilities,
    confidence: state === "unsure" ? likeliest : probabilities[state],
    stateAgeS: ageS,
  };
}
