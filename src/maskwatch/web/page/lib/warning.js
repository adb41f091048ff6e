// Reports of one camera -> what to warn of. Mirrors maskwatch.live.events.Alarmist: it rings for each
// person once, and again only after that person has shown another state, which "unsure" is none.

import { Clock } from "./counting.js";

/** @typedef {import("./schema.js").MaskState} MaskState */
/** @typedef {{states: MaskState[], rings: number, before: MaskState[]}} Alarm see maskwatch.live.events.Alarm */

/** @type {readonly MaskState[]} */
const VIOLATIONS = ["no_mask", "incorrect_mask"];
const STAY_S = 3;
const COOL_DOWN_S = 30;

export class Alarmist {
  #clock = new Clock();
  /** @type {Map<number, {state: MaskState, seenS: number}>} the violation of each, and when */
  #seen = new Map();
  /** @type {Map<number, number>} when each person it has rung for was last in view */
  #rungFor = new Map();
  #rings = 0;
  #quietUntilS = 0;

  /** @param {import("./schema.js").FrameReport} report @param {number} timeS @returns {Alarm} */
  update(report, timeS) {
    this.#clock.advance(timeS);
    const states = new Map(
      report.faces.flatMap((face) => ("trackId" in face ? [[face.trackId, face.state]] : [])),
    );
    const violators = [...states].flatMap(([id, state]) => (VIOLATIONS.includes(state) ? [id] : []));
    this.#remember(states, violators);
    this.#ring(states, violators);
    const inView = new Set(states.values());
    const left = new Set([...this.#seen.values()].map(({ state }) => state));
    return {
      states: VIOLATIONS.filter((state) => inView.has(state)),
      rings: this.#rings,
      before: VIOLATIONS.filter((state) => left.has(state) && !inView.has(state)),
    };
  }

  /** Who violates, or did a moment ago and is gone. @param {Map<number, MaskState>} states @param {number[]} violators */
  #remember(states, violators) {
    const { nowS } = this.#clock;
    for (const [id, { seenS }] of this.#seen) {
      if (states.has(id) || nowS - seenS >= STAY_S) this.#seen.delete(id);
    }
    for (const id of violators) {
      this.#seen.set(id, { state: /** @type {MaskState} */ (states.get(id)), seenS: nowS });
    }
  }

  /** @param {Map<number, MaskState>} states @param {number[]} violators */
  #ring(states, violators) {
    const { nowS } = this.#clock;
    for (const [id, seenS] of this.#rungFor) {
      if (states.has(id) && states.get(id) !== "mask") this.#rungFor.set(id, nowS);
      else if (states.has(id) || nowS - seenS >= COOL_DOWN_S) this.#rungFor.delete(id);
    }
    if (nowS < this.#quietUntilS || violators.every((id) => this.#rungFor.has(id))) return;
    this.#rings += 1;
    this.#quietUntilS = nowS + COOL_DOWN_S;
    for (const id of violators) this.#rungFor.set(id, nowS);
  }
}
