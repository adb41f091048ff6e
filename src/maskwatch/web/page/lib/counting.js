// Reports of a video -> how many people show what. Mirrors what one session needs of
// maskwatch/live/counting.py: a person is a track, counted once by the state it held longest.

import { Cadence } from "./cadence.js";
import { lostAfterS } from "./track.js";

/** @typedef {import("./schema.js").MaskState} MaskState */
/** @typedef {Record<MaskState, number>} Counts */
/**
 * Mirrors maskwatch.live.counting.SessionCounts: people in the newest frame and of the session, and
 * seconds of faces, by state.
 * @typedef {{inView: Counts, people: Counts, faceS: Counts}} SessionCounts
 */
/** @typedef {{heldS: Map<MaskState, number>, countedAs: MaskState | null, seenS: number}} Person */

const LEAST_S = 0.5;
const LONGEST_FRAME_S = 1;

/** @returns {Counts} */
export function noCounts() {
  return { mask: 0, no_mask: 0, incorrect_mask: 0, unsure: 0 };
}

/** Time that never goes back, from one that may. */
export class Clock {
  /** Since the first moment. */
  nowS = 0;
  /** @type {number | null} */
  #lastS = null;
  #cadence = new Cadence();

  /** Who was last seen before this moment has no track any more; it ends by a sum that may be rounded otherwise. */
  get goneS() {
    return this.nowS - 2 * lostAfterS(this.#cadence.usualS);
  }

  /** Goes on to this moment of the other clock; returns how many seconds have passed. @param {number} timeS */
  advance(timeS) {
    const elapsedS = this.#lastS === null ? 0 : Math.max(0, timeS - this.#lastS);
    this.#lastS = timeS;
    this.nowS += elapsedS;
    this.#cadence.see(elapsedS);
    return elapsedS;
  }
}

export class Session {
  #people = noCounts();
  #faceS = noCounts();
  /** @type {Map<number, Person>} */
  #persons = new Map();
  #clock = new Clock();

  /** @param {import("./schema.js").FrameReport} report @param {number} timeS @returns {SessionCounts} */
  add(report, timeS) {
    const elapsedS = this.#clock.advance(timeS);
    const inView = noCounts();
    for (const face of report.faces) {
      if (!("trackId" in face)) continue;
      inView[face.state] += 1;
      this.#count(face.trackId, face.state, Math.min(elapsedS, LONGEST_FRAME_S));
    }
    for (const [id, person] of this.#persons) {
      if (person.seenS < this.#clock.goneS) this.#persons.delete(id);
    }
    return { inView, people: { ...this.#people }, faceS: { ...this.#faceS } };
  }

  /** @param {number} id @param {MaskState} state @param {number} frameS */
  #count(id, state, frameS) {
    /** @type {Person} */
    const person = this.#persons.get(id) ?? { heldS: new Map(), countedAs: null, seenS: 0 };
    this.#persons.set(id, person);
    this.#faceS[state] += frameS;
    person.heldS.set(state, (person.heldS.get(state) ?? 0) + frameS);
    person.seenS = this.#clock.nowS;
    const held = [...person.heldS]; // of two as long the one that was shown first
    const totalS = held.reduce((sum, [, seconds]) => sum + seconds, 0);
    const [longest] = held.reduce((a, b) => (b[1] > a[1] ? b : a));
    if (longest === person.countedAs || totalS < LEAST_S) return;
    if (person.countedAs) this.#people[person.countedAs] -= 1;
    this.#people[longest] += 1;
    person.countedAs = longest;
  }
}
