// Verdicts moment after moment -> a state that stays put. Mirrors maskwatch/vision/smooth.py.

import { Cadence } from "./cadence.js";
import { CLASSES } from "./schema.js";

/** @typedef {import("./schema.js").MaskState} MaskState */
/** @typedef {import("./schema.js").Probabilities} Probabilities */
/** @typedef {{probabilities: Probabilities, weight: number}} Look */
/** @typedef {{state: MaskState, probabilities: Probabilities, ageS: number}} SteadyState */
/** @typedef {ReturnType<typeof settingsFrom>} SmoothSettings */

const LEAST_PROBABILITY = 0.005;
const DECIDED_POWER = 5;
const LONGEST_LOOK_S = 0.25;
const LONGEST_FORGETTING_S = 5;
const FRESH_WEIGHT = 0.25;

/** @param {number} steadiness 0 follows at once, 1 is calmest */
export function settingsFrom(steadiness) {
  const slower = 4 ** (steadiness - 0.5);
  return {
    looksPerS: 3.8 / slower,
    changesPerS: 0.1,
    enter: 0.9,
    leave: 0.5,
    doubtS: 0.8 * slower,
    stayS: 0.25 * slower,
    holdS: 1,
  };
}

export class Smoother {
  /** @type {Map<number, StateFilter>} */
  #filters = new Map();
  #cadence = new Cadence();

  /** @param {SmoothSettings} settings */
  constructor(settings) {
    this.settings = settings;
  }

  /**
   * @param {Map<number, Look>} looks the faces seen in a frame, by identity
   * @param {Set<number>} trackIds that may still be seen again @param {number} elapsedS
   * @returns {Map<number, SteadyState>} of each face in `looks`
   */
  update(looks, trackIds, elapsedS) {
    this.#cadence.see(elapsedS);
    for (const [id, filter] of this.#filters) {
      if (trackIds.has(id)) filter.wait(elapsedS);
      else this.#filters.delete(id);
    }
    const shown = new Map();
    const newS = this.#cadence.isSlow ? elapsedS : 0;
    for (const [id, look] of looks) {
      const filter = this.#filters.get(id) ?? new StateFilter(this.settings, newS);
      this.#filters.set(id, filter);
      filter.look(look);
      shown.set(id, filter.shown());
    }
    return shown;
  }
}

class StateFilter {
  belief = CLASSES.map(() => 1 / CLASSES.length);
  /** @type {MaskState} */
  state = "unsure";
  ageS = 0;
  shownS = Infinity; // since the last change
  doubtedS = 0;

  /** @param {SmoothSettings} settings @param {number} unlookedS since any look */
  constructor(settings, unlookedS) {
    this.settings = settings;
    this.unlookedS = unlookedS;
  }

  /** @param {number} elapsedS */
  wait(elapsedS) {
    const forgettingS = Math.min(elapsedS, LONGEST_FORGETTING_S);
    const kept = Math.exp(-1.5 * this.settings.changesPerS * forgettingS);
    this.belief = this.belief.map((b) => b * kept + (1 - kept) / CLASSES.length);
    this.unlookedS += elapsedS;
    this.ageS += elapsedS;
    this.shownS += elapsedS;
    this.doubtedS += elapsedS;
  }

  /** @param {Look} look */
  look({ probabilities, weight }) {
    const told = CLASSES.map((state) => probabilities[state]);
    const lookedS = Math.min(this.unlookedS, LONGEST_LOOK_S);
    const decided = Math.max(...told) ** DECIDED_POWER;
    const looks = lookedS * this.settings.looksPerS * weight * decided;
    this.unlookedS = 0;
    const raised = this.belief.map((b, at) => b * Math.max(told[at], LEAST_PROBABILITY) ** looks);
    const total = raised.reduce((sum, value) => sum + value, 0);
    this.belief = raised.map((value) => value / total);
    if (weight >= FRESH_WEIGHT) this.ageS = 0;
    this.#decide();
  }

  /** @returns {SteadyState} */
  shown() {
    const probabilities = Object.fromEntries(CLASSES.map((s, at) => [s, this.belief[at]]));
    const { state, ageS } = this;
    return { state, probabilities: /** @type {Probabilities} */ (probabilities), ageS };
  }

  #decide() {
    const { enter, leave, doubtS, stayS, holdS } = this.settings;
    if (this.ageS > holdS) return this.#show("unsure");
    const best = Math.max(...this.belief);
    const own = this.state === "unsure" ? 1 : this.belief[CLASSES.indexOf(this.state)];
    if (own >= leave) this.doubtedS = 0;
    let wanted = this.state;
    if (best >= enter) wanted = CLASSES[this.belief.indexOf(best)];
    else if (this.doubtedS >= doubtS) wanted = "unsure";
    if (this.shownS >= stayS) this.#show(wanted);
  }

  /** @param {MaskState} state */
  #show(state) {
    if (state === this.state) return;
    this.state = state;
    this.shownS = 0;
    this.doubtedS = 0;
  }
}
