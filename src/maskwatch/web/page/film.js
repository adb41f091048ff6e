// A film file: judged frame by frame, and kept as an annotated film.

import { found } from "./dom.js";
import { Watching } from "./watching.js";

/** Frames judged of each second of the film. */
const RATE = 15;

const KINDS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
const STEADINESS = 0.5;
const BEYOND_ANY_END_S = 1e7;
const LONG_MS = 1e9;

const NONE = { key: "", why: "" };

export class FilmView {
  /** @type {Watching | null} */
  #watching = null;
  #fault = NONE;
  #video = found("film_video", HTMLVideoElement);
  #canvas = found("film_picture", HTMLCanvasElement);
  #stop = found("film_stop", HTMLButtonElement);
  #save = found("film_save", HTMLAnchorElement);

  /** @param {import("./dom.js").Shared} shared */
  constructor(shared) {
    this.shared = shared;
    const input = found("film_file", HTMLInputElement);
    input.addEventListener("click", () => (input.value = "")); // so that the same film can be chosen again
    input.addEventListener("change", () => this.#take(input.files));
    found("film", HTMLElement).addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation(); // what is dropped elsewhere is a photo
      this.#take(event.dataTransfer?.files);
    });
    this.#stop.addEventListener("click", () => this.stop());
  }

  /** Shows everything in the language of the moment. */
  render() {
    const say = this.shared.say();
    found("film_how", HTMLElement).textContent = say.text("web.film_how", { most: RATE });
    const notice = found("film_fault", HTMLElement);
    const { key, why } = this.#fault;
    notice.hidden = !key;
    notice.textContent = key && say.text(key, { why });
    const isOver = !this.#watching || this.#watching.ended;
    // once the button is gone, what had the focus would be nowhere
    if (isOver && document.activeElement === this.#stop) found("film_file", HTMLElement).focus();
    this.#stop.hidden = isOver;
    this.#watching?.label();
    this.#tell();
  }

  /** Ends the film; what was judged so far can be kept. */
  stop() {
    if (this.#watching) this.#watching.ended = true;
    this.render();
  }

  /** @param {FileList | null} [files] */
  #take(files) {
    if (files?.length) this.#begin(files[0]);
  }

  /** @param {File} file */
  async #begin(file) {
    this.stop();
    const watching = new Watching(this.shared, this.#canvas);
    this.#watching = watching;
    this.#fault = NONE;
    this.#save.hidden = true;
    this.#video.parentElement?.removeAttribute("hidden");
    this.render();
    try {
      await opened(this.#video, file);
      await this.shared.ready;
      if (watching.ended) return; // the worker may be with the camera by now
      await watching.begin(STEADINESS);
      await this.#judge(watching, file.name);
    } catch (error) {
      if (watching === this.#watching) {
        this.#fault = faultOf(this.#video, watching.frames, /** @type {Error} */ (error));
      }
    }
    watching.ended = true;
    this.render();
  }

  /**
   * Judges frames until the end, and records each for as long as it stands for. The recorder's own
   * clock tells where the next frame lies, so the film runs as fast as it did. What was recorded is
   * offered, also of a film that cannot be judged to its end.
   * @param {Watching} watching @param {string} name of the file
   */
  async #judge(watching, name) {
    const { duration, videoWidth, videoHeight } = this.#video;
    if (!videoWidth) throw new Error("it has sound alone");
    this.#canvas.width = videoWidth;
    this.#canvas.height = videoHeight;
    this.#canvas.getContext("2d", { willReadFrequently: true }); // Firefox records none without
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    const recorder = new MediaRecorder(this.#canvas.captureStream(), { mimeType });
    const film = recorded(recorder);
    let isEmpty = true;
    recorder.start();
    recorder.pause();
    try {
      for (let timeS = 0; timeS < duration; ) {
        await sought(this.#video, timeS);
        if (watching.ended) break; // another film may be in its place
        const answer = await watching.judge(this.#video, timeS);
        await inFront();
        if (watching.ended) {
          answer.bitmap.close();
          break;
        }
        recorder.resume();
        const beganMs = performance.now();
        watching.draw(answer);
        isEmpty = false;
        this.#tell();
        await turned(1000 / RATE);
        recorder.pause();
        timeS += (performance.now() - beganMs) / 1000;
      }
    } finally {
      recorder.stop();
      const content = await film;
      if (!isEmpty && watching === this.#watching) this.#offer(content, name);
    }
  }

  /** @param {Blob} film @param {string} name of the file it was made from */
  #offer(film, name) {
    URL.revokeObjectURL(this.#save.href);
    this.#save.href = URL.createObjectURL(film);
    const ending = film.type.startsWith("video/mp4") ? "mp4" : "webm";
    this.#save.download = `${name.replace(/\.[^.]+$/, "")}_marked.${ending}`;
    this.#save.hidden = false;
  }

  /** How far the film is, and who was seen. */
  #tell() {
    const watching = this.#watching;
    if (!watching) return;
    const say = this.shared.say();
    const { currentTime, duration } = this.#video;
    const words = say.counted("web.film_progress", watching.frames, {
      done: say.number(currentTime),
      all: say.number(duration || 0),
    });
    const people = Object.entries(watching.counts.people).flatMap(([state, n]) =>
      n ? [`${say.whole(n)} ${say.text(`states.${state}`).toLowerCase()}`] : [],
    );
    const said = [words, people.join(", ")].filter(Boolean).join(" · ");
    found("film_said", HTMLElement).textContent = said;
  }
}

/** Why a film cannot be judged, or not to its end. @param {HTMLVideoElement} video @param {number} frames judged @param {Error} error */
function faultOf(video, frames, { message }) {
  if (video.error) return { ...NONE, key: frames ? "web.film_damaged" : "web.film_unreadable" };
  return video.videoWidth
    ? { key: "web.frame_failed", why: message }
    : { ...NONE, key: "web.film_no_picture" };
}

/** Opens a film, until its length is known. @param {HTMLVideoElement} video @param {File} file */
async function opened(video, file) {
  URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(file);
  await event(video, "loadeddata");
  // films from recorders do not tell their length; at the end it is known
  if (!Number.isFinite(video.duration)) await sought(video, BEYOND_ANY_END_S);
}

/** @param {HTMLVideoElement} video @param {number} timeS */
async function sought(video, timeS) {
  video.currentTime = timeS;
  await event(video, "seeked");
}

/** Until a video tells of something. @param {HTMLVideoElement} video @param {string} name */
function event(video, name) {
  return new Promise((resolve, reject) => {
    const broken = () => reject(new Error(video.error?.message));
    if (video.error) return broken(); // while a frame was judged; no event would come
    video.addEventListener("error", broken, { once: true });
    video.addEventListener(
      name,
      () => {
        video.removeEventListener("error", broken);
        resolve(null);
      },
      { once: true },
    );
  });
}

/** Until the page is in front. Timers of one that is not are late by seconds, which nobody would judge. */
async function inFront() {
  while (document.hidden) await turned();
}

/** Until the page comes to the front or leaves it, and no longer than this. @param {number} mostMs */
function turned(mostMs = LONG_MS) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, mostMs);
    document.addEventListener("visibilitychange", done);
    function done() {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", done);
      resolve(null);
    }
  });
}

/** What a recorder has recorded, once it is stopped. @param {MediaRecorder} recorder @returns {Promise<Blob>} */
function recorded(recorder) {
  /** @type {Blob[]} */
  const parts = [];
  return new Promise((resolve) => {
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    recorder.addEventListener("stop", () => {
      resolve(new Blob(parts, { type: recorder.mimeType }));
    });
  });
}
