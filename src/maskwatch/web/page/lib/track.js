// Boxes of moment after moment -> which face is which. Mirrors maskwatch/vision/track.py, where the values
// are explained; lengths are in sides of the face.

import { Cadence } from "./cadence.js";

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/**
 * @typedef {object} Track
 * @property {number} id
 * @property {[number, number]} centreXy where the face is expected
 * @property {[number, number]} speedXy pixels a second
 * @property {number} sidePx
 * @property {[number, number, number]} covariance variance of place, covariance with speed, variance of speed
 * @property {number} unseenS
 */

const LOST_S = 1;

const RARE_S = 0.9;
const LOST_INTERVALS = 1.5;
const LONGEST_LOST_S = 15;
const LONGEST_PAUSE_S = 4;

const BOX_NOISE = 0.05;
const FIRST_SPEED = 1.5;
const PROCESS_NOISE = 2;
const KEEPS_MOVING_S = 1;
const GATE_DEVIATIONS = 3;
const LEAST_GATE = 0.7;
const WIDEST_GATE = 1.5;
const FAINT_GATE = 0.5;
const SIZE_GATE = Math.log(2);
const HIDDEN_COST = 2;

/**
 * How long a face may be unseen and come back as itself, of pictures that come so far apart.
 * @param {number} usualS
 */
export function lostAfterS(usualS) {
  return usualS > RARE_S ? Math.min(LOST_INTERVALS * usualS, LONGEST_LOST_S) : LOST_S;
}

export class Tracker {
  /** @type {Track[]} */
  #tracks = [];
  #nextId = 1;
  #cadence = new Cadence();

  /** The faces that are seen now, or were a moment ago and may come back. */
  get trackIds() {
    return new Set(this.#tracks.map((track) => track.id));
  }

  /** A face that frames did not show for longer comes back as somebody else. */
  get lostS() {
    return lostAfterS(this.#cadence.usualS);
  }

  /** Nobody who was seen comes back: the picture has become another one. */
  forget() {
    this.#tracks = [];
  }

  /** The same view comes in so many times the pixels across and down. @param {[number, number]} ratioXy */
  scale(ratioXy) {
    this.#tracks = this.#tracks.map((track) => scaled(track, ratioXy));
  }

  /**
   * @param {BoxXYXY[]} boxes @param {boolean[]} sure others only go on a track
   * @param {number} elapsedS since the last call
   * @returns {(number | null)[]} an identity for each box
   */
  update(boxes, sure, elapsedS) {
    this.#cadence.see(elapsedS);
    const { lostS } = this;
    // while no frame comes nobody is missed
    const wasSeen = (/** @type {Track} */ track) =>
      track.unseenS === 0 && elapsedS <= LONGEST_PAUSE_S;
    const tracks = this.#tracks
      .filter((track) => wasSeen(track) || track.unseenS + elapsedS <= lostS)
      .map((track) => moved(track, elapsedS));
    /** @type {(Track | null)[]} */
    const ofBox = boxes.map(() => null);
    for (const wanted of [true, false]) {
      const free = tracks.filter((track) => !ofBox.includes(track));
      const candidates = [...boxes.keys()].filter((at) => sure[at] === wanted);
      const gate = wanted ? 1 : FAINT_GATE;
      for (const { track, at } of matches(free, boxes, candidates, gate, lostS)) ofBox[at] = track;
    }
    ofBox.forEach((track, at) => track && correct(track, boxes[at]));
    this.#tracks = tracks.filter((track) => track.unseenS <= lostS);
    boxes.forEach((box, at) => {
      if (sure[at] && !ofBox[at]) this.#tracks.push((ofBox[at] = started(box, this.#nextId++)));
    });
    return ofBox.map((track) => track && track.id);
  }
}

/** @param {BoxXYXY} box @returns {[number, number]} */
function middle([left, top, right, bottom]) {
  return [(left + right) / 2, (top + bottom) / 2];
}

/** @param {BoxXYXY} box */
function longerSide([left, top, right, bottom]) {
  return Math.max(right - left, bottom - top);
}

/** @param {BoxXYXY} box @param {number} id @returns {Track} */
function started(box, id) {
  return {
    id,
    centreXy: middle(box),
    speedXy: [0, 0],
    sidePx: longerSide(box),
    covariance: [BOX_NOISE ** 2, 0, FIRST_SPEED ** 2],
    unseenS: 0,
  };
}

/** @param {Track} track @param {number} elapsedS @returns {Track} */
function moved(track, elapsedS) {
  const { centreXy, speedXy } = track;
  const left = Math.exp(-elapsedS / KEEPS_MOVING_S);
  const wayS = KEEPS_MOVING_S * (1 - left);
  const [place, both, speed] = track.covariance;
  const gained = PROCESS_NOISE * elapsedS;
  return {
    ...track,
    centreXy: [centreXy[0] + speedXy[0] * wayS, centreXy[1] + speedXy[1] * wayS],
    speedXy: [speedXy[0] * left, speedXy[1] * left],
    covariance: [
      place + 2 * wayS * both + wayS ** 2 * speed + (gained * elapsedS ** 2) / 3,
      left * (both + wayS * speed) + (gained * elapsedS) / 2,
      left ** 2 * speed + gained,
    ],
    unseenS: track.unseenS + elapsedS,
  };
}

/** @param {Track} track @param {[number, number]} ratioXy @returns {Track} */
function scaled(track, [x, y]) {
  return {
    ...track,
    centreXy: [track.centreXy[0] * x, track.centreXy[1] * y],
    speedXy: [track.speedXy[0] * x, track.speedXy[1] * y],
    sidePx: track.sidePx * ((x + y) / 2),
  };
}

/**
 * Pairs of tracks and boxes, the nearest first, each used once.
 * @param {Track[]} tracks @param {BoxXYXY[]} boxes @param {number[]} candidates @param {number} gate
 * @param {number} lostS
 */
function matches(tracks, boxes, candidates, gate, lostS) {
  const pairs = [];
  for (const track of tracks) {
    for (const at of candidates) {
      const cost = costOf(track, boxes[at], gate, lostS);
      if (cost !== null) pairs.push({ track, at, cost });
    }
  }
  const taken = new Set();
  return pairs
    .sort((a, b) => a.cost - b.cost)
    .filter(({ track, at }) => {
      if (taken.has(track) || taken.has(at)) return false;
      taken.add(track).add(at);
      return true;
    });
}

/** How far a box is from where a track expects it; null where it is too far. @param {Track} track @param {BoxXYXY} box @param {number} gate @param {number} lostS */
function costOf(track, box, gate, lostS) {
  const [x, y] = middle(box);
  const away = Math.hypot(x - track.centreXy[0], y - track.centreXy[1]) / track.sidePx;
  const wide = GATE_DEVIATIONS * Math.sqrt(track.covariance[0] + BOX_NOISE ** 2);
  const reach = gate * Math.min(Math.max(wide, LEAST_GATE), WIDEST_GATE);
  const grown = Math.abs(Math.log(longerSide(box) / track.sidePx));
  if (!(away < reach && grown < SIZE_GATE)) return null;
  return away / reach + grown / SIZE_GATE + (HIDDEN_COST * track.unseenS) / lostS;
}

/** Tell a track what was seen of it. @param {Track} track @param {BoxXYXY} box */
function correct(track, box) {
  const [place, both, speed] = track.covariance;
  const trust = place / (place + BOX_NOISE ** 2);
  const speedTrust = both / (place + BOX_NOISE ** 2);
  middle(box).forEach((value, axis) => {
    const missed = value - track.centreXy[axis];
    track.centreXy[axis] += trust * missed;
    track.speedXy[axis] += speedTrust * missed;
  });
  track.covariance = [(1 - trust) * place, (1 - trust) * both, speed - speedTrust * both];
  track.sidePx = longerSide(box);
  track.unseenS = 0;
}
