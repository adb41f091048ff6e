// Photos: chosen, dropped or pasted, judged one after the other, shown and taken away.

import { badge, found, made, painted, save } from "./dom.js";
import { cropFace } from "./lib/crop.js";
import { annotate, scaledReport } from "./lib/draw.js";
import { decode } from "./lib/images.js";
import { SHOWN_PX } from "./lib/labels.js";
import { TOO_LARGE } from "./lib/pixels.js";
import { toCsv, toJsonl } from "./lib/report.js";

/** @typedef {import("./lib/schema.js").FrameReport} FrameReport */
/**
 * What became of a photo: what was found, and the picture as small as it is shown; or why nothing.
 * @typedef {{file: File, report: FrameReport, shown: ImageBitmap, fault: null}
 *   | {file: File, report: null, shown: null, fault: string}} Judged
 */

const THUMBNAIL_PX = 56;
const CROP_MARGIN = 0.15;

export class PhotosView {
  /** @type {Judged[]} */
  #judged = [];
  /** @type {File[]} */
  #waiting = [];
  #busy = false;
  #name = ""; // of the photo at hand
  #fault = "";
  #said = found("photos_said", HTMLElement);

  /** @param {import("./dom.js").Shared} shared */
  constructor(shared) {
    this.shared = shared;
    const input = found("files", HTMLInputElement);
    const take = () => {
      this.#add([...(input.files ?? [])]);
      input.value = ""; // so that the same photo can be chosen again
    };
    input.addEventListener("change", take);
    take(); // what was chosen while the scripts were still on their way
    this.#acceptDrops(found("drop", HTMLElement));
    document.addEventListener("paste", (event) => this.#add([...(event.clipboardData?.files ?? [])]));
    found("clear", HTMLElement).addEventListener("click", () => this.#clear());
    const save_as = (/** @type {string} */ id, /** @type {() => void} */ action) =>
      found(id, HTMLElement).addEventListener("click", action);
    save_as("save_csv", () => this.#save(toCsv(this.#results()), "maskwatch.csv", "text/csv"));
    save_as("save_json", () =>
      this.#save(toJsonl(this.#results()), "maskwatch.jsonl", "application/jsonl"),
    );
  }

  /** Shows everything in the language of the moment. */
  render() {
    const { about } = this.shared;
    const samples = about.samples.map((name) => {
      const button = made("button", { type: "button" }, this.#say(`samples.${name}`));
      button.addEventListener("click", () => this.#addSample(name));
      return button;
    });
    const box = found("samples", HTMLElement);
    for (const button of box.querySelectorAll("button")) button.remove();
    box.append(...samples);
    found("results", HTMLElement).replaceChildren(...this.#judged.map((each) => this.#item(each)));
    this.#tell();
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  #say(key, values) {
    return this.shared.say().text(key, values);
  }

  /** @param {HTMLElement} field */
  #acceptDrops(field) {
    document.addEventListener("dragover", (event) => {
      event.preventDefault(); // otherwise the browser leaves the page for the photo
      field.classList.add("over");
    });
    const leave = () => field.classList.remove("over");
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", leave, { capture: true }); // also of a film
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#add([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {string} name */
  async #addSample(name) {
    const path = `samples/${name}.jpg`;
    const response = await fetch(path).catch(() => null); // no network, and not kept yet
    const content = response?.ok ? [await response.blob()] : [];
    const file = new File(content, `${name}.jpg`, { type: "image/jpeg" });
    if (content.length) return this.#add([file]);
    this.#keep(unreadable(file, "unavailable"));
    this.#tell();
  }

  /** Judges files, after those that wait already. @param {File[]} files */
  async #add(files) {
    if (!files.length) return;
    location.hash = "#photos";
    this.#waiting.push(...files);
    if (this.#busy) return;
    this.#busy = true;
    this.#fault = "";
    try {
      await this.shared.ready;
      let seen = false;
      for (;;) {
        const file = this.#waiting.shift();
        if (!file) break;
        this.#name = file.name;
        this.#tell();
        const before = this.#judged;
        const judged = await this.#judge(file);
        if (before !== this.#judged) continue; // all were removed meanwhile
        const item = this.#keep(judged);
        if (!seen) item.scrollIntoView({ block: "nearest" }); // a telephone has no room for it above
        seen = true;
      }
    } catch (error) {
      this.#waiting = [];
      this.#fault = /** @type {Error} */ (error).message;
    } finally {
      this.#busy = false;
      this.#name = "";
      this.#tell();
    }
  }

  /** Shows a photo after those that are there. @param {Judged} judged */
  #keep(judged) {
    this.#judged.push(judged);
    const item = this.#item(judged);
    found("results", HTMLElement).append(item);
    return item;
  }

  /** @param {File} file @returns {Promise<Judged>} */
  async #judge(file) {
    const decoded = await decode(file, this.shared.about.max_pixels);
    if (typeof decoded === "string") return unreadable(file, decoded);
    const { client } = this.shared;
    const call = { bitmap: decoded, source: file.name };
    const answer = await client.ask("photo", call, [decoded]).catch((error) => {
      if (error.message !== TOO_LARGE) throw error;
    });
    if (!answer) return unreadable(file, "too_large");
    const { report, bitmap } = answer;
    const ratio = shownRatio(report);
    const shown = await createImageBitmap(bitmap, {
      resizeWidth: Math.max(1, Math.round(bitmap.width * ratio)),
      resizeHeight: Math.max(1, Math.round(bitmap.height * ratio)),
      resizeQuality: "high",
    });
    bitmap.close();
    return { file, report, shown, fault: null };
  }

  /** How far it is, or what was found in all. */
  #tell() {
    const say = this.shared.say();
    found("downloads", HTMLElement).hidden = !this.#judged.length;
    if (this.#name) {
      const n = this.#judged.length + 1;
      const values = { n, all: n + this.#waiting.length, name: this.#name };
      this.#said.textContent = say.text("web.progress", values);
    } else if (this.#fault) {
      this.#said.textContent = say.text("web.photo_failed", { why: this.#fault });
    } else if (this.#judged.length) {
      const faces = this.#judged.flatMap(({ report }) => report?.faces ?? []);
      const photos = say.counted("web.judged", this.#judged.length);
      this.#said.textContent = `${photos} · ${say.counts(faces)}`;
    } else this.#said.textContent = "";
  }

  /** What was found in a photo: in words, in the picture, and as a list. @param {Judged} judged */
  #item({ file, report, shown, fault }) {
    const say = this.shared.say();
    const item = made("li", { className: "result" }, made("h2", {}, file.name));
    if (!report) {
      item.append(this.#notice(fault));
      return item;
    }
    const counts = say.counts(report.faces);
    item.append(...this.#findings(report));
    const canvas = made("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${file.name}: ${counts}`);
    const pen = painted(canvas, shown, shown.width, shown.height);
    const { data, width, height } = pen.getImageData(0, 0, shown.width, shown.height);
    const picture = { data, width, height, channels: 4 };
    const thumbnails = report.faces.map((face) => thumbnail(picture, face.boxXyxy, shownRatio(report)));
    annotate(pen, scaledReport(report, shownRatio(report)), this.shared.about, say, roomPx());
    item.append(canvas);
    if (report.faces.length > 1) item.append(this.#table(report, thumbnails));
    const keep = made("button", { type: "button" }, say.text("web.save_marked"));
    const said = made("div");
    said.setAttribute("role", "status");
    keep.addEventListener("click", async () => {
      const failed = await this.#saveMarked(file, report);
      said.replaceChildren(...(failed ? [this.#notice(failed)] : []));
    });
    item.append(keep, said);
    return item;
  }

  /** Why a photo cannot be read. @param {string} fault */
  #notice(fault) {
    const why = this.#say(`faults.${fault}`, { megapixels: this.#megapixels() });
    return made("p", { className: "notice" }, this.#say("photo.unreadable", { why }));
  }

  /** @param {FrameReport} report */
  #findings({ faces, faceOrigin }) {
    const say = this.shared.say();
    const lines = [];
    if (!faces.length) lines.push(made("p", {}, say.text("photo.no_face")));
    else if (faces.length > 1) lines.push(made("p", {}, say.counts(faces)));
    else {
      const [{ state, confidence, probabilities }] = faces;
      const words = `${say.label(state)} ${say.percent(confidence)}`;
      lines.push(badge(state, this.shared.about.styles[state], words));
      const ranked = Object.entries(probabilities)
        .sort(([, a], [, b]) => b - a)
        .map(([each, p]) => `${say.text(`states.${each}`)} ${say.percent(p)}`);
      lines.push(made("p", { className: "small" }, ranked.join(" · ")));
    }
    if (faceOrigin === "whole_image") lines.push(made("p", {}, say.text("photo.whole_image")));
    return lines;
  }

  /** A row for each face, in reading order. @param {FrameReport} report @param {HTMLCanvasElement[]} thumbnails */
  #table({ faces }, thumbnails) {
    const say = this.shared.say();
    const heads = ["table.face", "table.verdict", "table.confidence"].map((key) =>
      made("th", { scope: "col" }, say.text(key)),
    );
    const rows = faces.map(({ state, confidence }, at) => {
      const verdict = `${this.shared.about.styles[state].symbol} ${say.label(state)}`;
      const cells = [thumbnails[at], verdict, say.percent(confidence)];
      return made("tr", {}, ...cells.map((cell) => made("td", {}, cell)));
    });
    const head = made("thead", {}, made("tr", {}, ...heads));
    return made("table", {}, head, made("tbody", {}, ...rows));
  }

  /**
   * Keeps the marked copy in the size of the photo; the fault where it cannot be.
   * @param {File} file @param {FrameReport} report
   */
  async #saveMarked(file, report) {
    const bitmap = await decode(file, this.shared.about.max_pixels);
    if (typeof bitmap === "string") return bitmap; // it was removed meanwhile
    const canvas = made("canvas");
    const pen = painted(canvas, bitmap, bitmap.width, bitmap.height);
    annotate(pen, report, this.shared.about, this.shared.say());
    bitmap.close();
    const name = `${file.name.replace(/\.[^.]+$/, "")}_marked.jpg`;
    /** @type {Blob | null} */
    const content = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    if (!content) return "too_large";
    save(content, name);
    return "";
  }

  /** Reports and faults in the order of the photos. */
  #results() {
    return this.#judged.map(({ file, report, fault }) => report ?? { source: file.name, reason: String(fault) });
  }

  /** @param {string[]} lines @param {string} name @param {string} type */
  #save(lines, name, type) {
    save(new Blob([lines.map((line) => `${line}\n`).join("")], { type }), name);
  }

  #clear() {
    this.#waiting = [];
    for (const { shown } of this.#judged) shown?.close();
    this.#judged = [];
    this.render();
    found("files", HTMLElement).focus();
  }

  #megapixels() {
    return Math.floor(this.shared.about.max_pixels / 1e6);
  }
}

/** @param {File} file @param {string} fault that keeps it from being read @returns {Judged} */
function unreadable(file, fault) {
  return { file, report: null, shown: null, fault };
}

/** Pixels shown a pixel of the photo. @param {FrameReport} report */
function shownRatio({ imageSizeWh }) {
  return Math.min(1, SHOWN_PX / Math.max(...imageSizeWh));
}

/** How broad a photo can be shown. */
function roomPx() {
  return Math.min(SHOWN_PX, found("results", HTMLElement).clientWidth || SHOWN_PX);
}

/** A face cut out of a picture. @param {import("./lib/schema.js").Picture} picture @param {number[]} box @param {number} ratio */
function thumbnail(picture, box, ratio) {
  const shown = box.map((value) => value * ratio);
  const crop = cropFace(picture, shown, THUMBNAIL_PX, CROP_MARGIN);
  const canvas = made("canvas", { width: THUMBNAIL_PX, height: THUMBNAIL_PX });
  const pixels = new ImageData(THUMBNAIL_PX, THUMBNAIL_PX);
  pixels.data.forEach((_, at) => {
    pixels.data[at] = at % 4 === 3 ? 255 : crop[Math.floor(at / 4) * 3 + (at % 4)];
  });
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}
