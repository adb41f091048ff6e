// The webcam: chosen, started and stopped; everyone in view judged and counted.

import { found, made } from "./dom.js";
import { MOST_PER_S, Schedule } from "./schedule.js";
import { Warnings } from "./warnings.js";
import { Watching, countRows, rest } from "./watching.js";

const SLOW_MS = 100;
const SPOKEN_EVERY_MS = 2000;

const INSECURE = "InsecurePage";

/** What to say of a camera that does not start, by the name of the browser's error. */
const FAULTS = new Map([
  ["NotAllowedError", "web.camera_refused"],
  ["SecurityError", "web.camera_refused"],
  [INSECURE, "web.camera_insecure"],
  ["NotFoundError", "web.camera_none"],
  ["NotReadableError", "web.camera_busy"],
  ["AbortError", "web.camera_busy"],
]);

export class LiveView {
  /** @type {Watching | null} */
  #watching = null;
  /** @type {MediaStream | null} */
  #camera = null;
  #starting = false;
  #starts = 0;
  #fault = { key: "", why: "" };
  #spokenMs = 0;
  #video;
  #canvas;
  #button;
  #cameras;
  #steadiness;
  #warnings;

  /** @param {import("./dom.js").Shared} shared */
  constructor(shared) {
    this.shared = shared;
    this.#video = this.#found("camera", HTMLVideoElement);
    this.#canvas = this.#found("live_picture", HTMLCanvasElement);
    this.#button = this.#found("start", HTMLButtonElement);
    this.#cameras = this.#found("cameras", HTMLSelectElement);
    this.#steadiness = this.#found("steadiness", HTMLInputElement);
    this.#warnings = new Warnings(shared);
    this.#button.addEventListener("click", () => {
      if (this.#camera) this.stop();
      else if (!this.#starting) this.#start();
    });
    const again = () => (this.#camera || this.#starting) && this.#start();
    this.#cameras.addEventListener("change", again);
    this.#steadiness.addEventListener("change", again);
  }

  /** @template {Element} T @param {string} id @param {new () => T} kind */
  #found(id, kind) {
    return found(id, kind, this.shared.root);
  }

  /** Shows everything in the language of the moment. */
  render() {
    const say = this.shared.say();
    this.#button.textContent = say.text(this.#camera ? "live.stop" : "live.start");
    // one that is disabled for a moment would lose the keyboard's focus
    this.#button.setAttribute("aria-disabled", String(this.#starting));
    const notice = this.#found("live_fault", HTMLElement);
    notice.hidden = !this.#fault.key;
    notice.textContent = this.#fault.key && say.text(this.#fault.key, { why: this.#fault.why });
    this.#spokenMs = 0;
    this.#warnings.render();
    this.#watching?.label();
    this.#showFrame();
  }

  /** Ends the video; the camera's light goes out. */
  stop() {
    this.#starts += 1; // one that still waits for its camera is in vain
    this.#starting = false;
    if (this.#watching) this.#watching.ended = true;
    if (this.#camera) release(this.#camera);
    this.#camera = null;
    this.#video.srcObject = null;
    this.#warnings.begin();
    this.render();
  }

  async #start() {
    this.stop();
    const start = this.#starts;
    this.#fault = { key: "", why: "" };
    this.#starting = true;
    this.render();
    try {
      const camera = await openCamera(this.#cameras.value);
      if (start !== this.#starts) return release(camera); // the visitor has left while asked for it
      this.#camera = camera;
      const [track] = camera.getVideoTracks();
      track.addEventListener("ended", () => this.#fail("web.camera_lost"));
      track.addEventListener("mute", () => this.#notice("web.camera_silent"));
      track.addEventListener("unmute", () => this.#notice());
      if (track.muted) this.#notice("web.camera_silent");
      this.#video.parentElement?.removeAttribute("hidden");
      this.#video.srcObject = camera;
      await this.#video.play();
      await this.#listCameras(track.getSettings().deviceId);
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      if (start === this.#starts) this.#fail(FAULTS.get(name) ?? "web.camera_failed", message);
    }
    if (start !== this.#starts) return;
    this.#starting = false;
    this.render();
    await this.#watch();
  }

  async #watch() {
    const watching = new Watching(this.shared, this.#canvas);
    this.#watching = watching;
    this.shared.began?.(watching);
    try {
      await watching.begin(Number(this.#steadiness.value));
      const schedule = new Schedule();
      let coming = nextFrame(this.#video);
      while (!watching.ended) {
        await coming;
        if (watching.ended) break;
        coming = nextFrame(this.#video); // one that comes while this one is judged is waited for no more
        const beganMs = performance.now(); // a camera may have no clock of its own
        const answer = await watching.judge(this.#video, beganMs / 1000);
        if (watching.ended) {
          answer.bitmap.close();
          break;
        }
        this.#show(watching, answer, beganMs / 1000);
        await rest(schedule.restMs(beganMs, answer.tookMs, performance.now()));
      }
    } catch (error) {
      if (!watching.ended) this.#fail("web.frame_failed", /** @type {Error} */ (error).message);
    }
  }

  /** @param {Watching} watching @param {import("./watching.js").Answer} answer @param {number} timeS */
  #show(watching, answer, timeS) {
    watching.draw(answer);
    if (watching.frames === 1) this.#canvas.scrollIntoView({ block: "nearest" });
    this.#warnings.see(answer.report, timeS);
    this.#showFrame();
  }

  /** @param {string} key @param {string} [why] */
  #fail(key, why = "") {
    this.#fault = { key, why };
    this.stop();
  }

  /** Says what there is to know while the camera is on, or nothing. */
  #notice(key = "") {
    this.#fault = { key, why: "" };
    this.render();
  }

  /** Rate, counts and words for the frame that was just drawn. */
  #showFrame() {
    const watching = this.#watching;
    if (!watching) return;
    const say = this.shared.say();
    const { rate, tookMs } = watching;
    const words = { rate: say.number(rate), ms: say.whole(Math.round(tookMs)), most: MOST_PER_S };
    const key = tookMs > SLOW_MS ? "web.rate_slow" : "web.rate";
    this.#found("rate", HTMLElement).textContent = say.text(key, words);
    const counts = this.#found("counts", HTMLTableElement);
    counts.hidden = false;
    counts.replaceChildren(...countRows(watching.counts, this.shared));
    const said = this.#found("live_said", HTMLElement);
    if (performance.now() - this.#spokenMs > SPOKEN_EVERY_MS && said.textContent !== watching.words) {
      said.textContent = watching.words; // screen readers speak it, so not with every frame
      this.#spokenMs = performance.now();
    }
  }

  /** Names can be read once a camera was allowed. @param {string} [chosen] */
  async #listCameras(chosen) {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    this.#cameras.replaceChildren(
      ...cameras.map(({ deviceId, label }, at) =>
        made("option", {
          ...{ value: deviceId, textContent: label || String(at + 1) },
          selected: deviceId === chosen,
        }),
      ),
    );
  }
}

/** Until a video shows another frame, or none any more. @param {HTMLVideoElement} video */
function nextFrame(video) {
  return new Promise((resolve) => {
    video.addEventListener("emptied", resolve, { once: true });
    video.requestVideoFrameCallback(() => {
      video.removeEventListener("emptied", resolve);
      resolve(null);
    });
  });
}

/** Switches a camera off. @param {MediaStream} camera */
function release(camera) {
  for (const track of camera.getTracks()) track.stop();
}

/** @param {string} deviceId "" for any, which one that is gone stands for, too */
function openCamera(deviceId) {
  if (!navigator.mediaDevices) {
    throw new DOMException("a page over plain HTTP", INSECURE);
  }
  const size = { width: { ideal: 640 }, height: { ideal: 480 } };
  const which = deviceId ? { deviceId } : { facingMode: "user" };
  return navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
}
