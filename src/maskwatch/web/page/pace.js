// When the next frame of a camera is due. Clocks are passed in.

/** More brings nothing that one sees, and warms telephones. */
export const MOST_PER_S = 15;

const EVERY_MS = 1000 / MOST_PER_S;
/** Share of the time that is spent judging at most, so that a slow device stays usable and cool. */
const BUSY = 0.8;

/**
 * Both times go on from where they were, not from now: timers and cameras are late each time, and
 * that would add up. Only what comes later than a frame is not made up for.
 */
export class Pace {
  #dueMs = 0;
  #restedMs = 0;

  /**
   * How long to rest after a frame.
   * @param {number} beganMs when it was taken up @param {number} tookMs to judge it @param {number} nowMs
   */
  restMs(beganMs, tookMs, nowMs) {
    this.#dueMs = Math.max(this.#dueMs + EVERY_MS, beganMs);
    this.#restedMs = Math.max(this.#restedMs, beganMs - EVERY_MS) + tookMs / BUSY;
    return Math.max(this.#dueMs, this.#restedMs) - nowMs;
  }
}
