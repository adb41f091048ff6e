// How far apart the pictures of a camera come. Mirrors maskwatch/vision/pace.py.

const SLOW_S = 1;
const LOOKED_AT = 3;

export class Pace {
  /** @type {number[]} */
  #elapsedS = Array(LOOKED_AT).fill(0);

  /** Takes in the next picture. @param {number} elapsedS since the last one */
  see(elapsedS) {
    this.#elapsedS = [...this.#elapsedS.slice(1), elapsedS];
  }

  /** Between two pictures, the middle one of the last. */
  get usualS() {
    return [...this.#elapsedS].sort((a, b) => a - b)[(LOOKED_AT - 1) / 2];
  }

  get isSlow() {
    return this.usualS > SLOW_S;
  }
}
