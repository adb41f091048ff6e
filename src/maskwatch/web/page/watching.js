// One film or camera: its frames go to the worker one by one, the judged one is drawn, people are
// counted.

import { made, painted } from "./dom.js";
import { annotate } from "./lib/draw.js";
import { STATES } from "./lib/schema.js";
import { Session, noCounts } from "./lib/counting.js";

/** @typedef {import("./lib/schema.js").FrameReport} FrameReport */

/** @typedef {{report: FrameReport, bitmap: ImageBitmap, tookMs: number}} Answer */

const RATE_FRAMES = 20;

/** So often, and with such rests, a video is asked for a picture that it does not give. */
const TRIES = 200;
const TRY_AGAIN_MS = 50;

export class Watching {
  counts = { inView: noCounts(), people: noCounts(), faceS: noCounts() };
  frames = 0;
  tookMs = 0;
  ended = false;
  #session = new Session();
  /** @type {FrameReport | null} */
  #report = null;
  /** @type {number[]} when the last frames were judged */
  #stampsMs = [];

  /** @param {import("./dom.js").Shared} shared @param {HTMLCanvasElement} canvas to draw on */
  constructor(shared, canvas) {
    this.shared = shared;
    this.canvas = canvas;
  }

  /** How many frames a second are judged. */
  get rate() {
    const first = this.#stampsMs[0];
    const last = this.#stampsMs[this.#stampsMs.length - 1];
    return last > first ? ((this.#stampsMs.length - 1) * 1000) / (last - first) : 0;
  }

  /** What the last frame shows, in words. */
  get words() {
    return this.#report ? this.shared.say().counts(this.#report.faces) : "";
  }

  /** Begins with nobody seen. @param {number} steadiness */
  async begin(steadiness) {
    await this.shared.ready;
    await this.shared.client.ask("watch", { steadiness });
  }

  /** Judges what a video shows now. @param {HTMLVideoElement} video @param {number} timeS @returns {Promise<Answer>} */
  async judge(video, timeS) {
    const bitmap = await pictureOf(video);
    const answer = await this.shared.client.ask("frame", { bitmap, timeS }, [bitmap]);
    const { report, tookMs } = answer;
    this.#report = report;
    this.counts = this.#session.add(report, timeS);
    this.frames += 1;
    this.tookMs = this.frames === 1 ? tookMs : 0.8 * this.tookMs + 0.2 * tookMs;
    this.#stampsMs = [...this.#stampsMs, performance.now()].slice(-RATE_FRAMES);
    return answer;
  }

  /** Draws the judged frame, so that no box lags behind. @param {Answer} answer */
  draw({ report, bitmap }) {
    const pen = painted(this.canvas, bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    const shownPx = this.canvas.clientWidth || undefined;
    annotate(pen, report, this.shared.about, this.shared.say(), shownPx);
    this.label();
  }

  /** Names the canvas after what it shows, in the language of the moment. */
  label() {
    if (this.#report) this.canvas.setAttribute("aria-label", this.words);
  }
}

/**
 * What a video shows now. A busy Chromium at times has no picture for a moment, though the video
 * says that it has data and has been sought.
 * @param {HTMLVideoElement} video
 */
async function pictureOf(video) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await createImageBitmap(video);
    } catch (error) {
      if (tries === TRIES) throw error;
      await rest(TRY_AGAIN_MS);
    }
  }
}

/** How many people show what, as the rows of a table. @param {import("./lib/counting.js").SessionCounts} counts @param {import("./dom.js").Shared} shared */
export function countRows({ inView, people }, { about, say }) {
  const words = say();
  const heads = ["live_counts.in_view", "live_counts.session"].map((key) =>
    made("th", { scope: "col" }, words.text(key)),
  );
  const rows = STATES.map((state) => {
    const { colour, line, symbol } = about.styles[state];
    const mark = made("span", {}, symbol);
    mark.setAttribute("aria-hidden", "true");
    const head = made("th", { scope: "row" }, mark, ` ${words.label(state)}`);
    head.style.borderLeftColor = colour;
    head.style.borderLeftStyle = line;
    const cells = [inView[state], people[state]].map((n) => made("td", {}, words.whole(n)));
    return made("tr", {}, head, ...cells);
  });
  return [
    made("caption", {}, words.text("live_counts.title")),
    made("thead", {}, made("tr", {}, made("td"), ...heads)),
    made("tbody", {}, ...rows),
  ];
}

/** @param {number} ms */
export function rest(ms) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
