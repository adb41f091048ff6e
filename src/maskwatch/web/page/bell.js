// Two short tones. The live page of the program has them from this file as well, see app/views/live.py.

const TOO_LATE_MS = 2000;

export class Bell {
  /** @type {AudioContext | null} */
  context = null;

  /** Browsers let a page make sounds only after a press in it, and some only from within that press. */
  wake() {
    this.context ??= new AudioContext();
    return this.context.resume();
  }

  /** Sounds, unless it could only much later. */
  async ring() {
    const askedMs = performance.now();
    await this.wake();
    if (performance.now() - askedMs > TOO_LATE_MS) return;
    this.#beep(880, 0);
    this.#beep(660, 0.25);
  }

  /** @param {number} hertz @param {number} afterS */
  #beep(hertz, afterS) {
    const context = /** @type {AudioContext} */ (this.context);
    const startsS = context.currentTime + afterS;
    const tone = context.createOscillator();
    const loudness = context.createGain();
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0, startsS);
    loudness.gain.linearRampToValueAtTime(0.25, startsS + 0.02);
    loudness.gain.linearRampToValueAtTime(0, startsS + 0.2);
    tone.connect(loudness).connect(context.destination);
    tone.start(startsS);
    tone.stop(startsS + 0.2);
  }
}
