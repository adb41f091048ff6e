// The words of the page in one language. Mirrors maskwatch/app/i18n.py and maskwatch/io/style.py.

import { fixed } from "./number.js";
import { STATES } from "./schema.js";

/** @typedef {import("./schema.js").MaskState} MaskState */
/** @typedef {import("./schema.js").FaceVerdict} FaceVerdict */
/** @typedef {import("./schema.js").TrackedFace} TrackedFace */

/** A state that was last seen longer ago is shown as one of then. */
const HELD_S = 0.5;

/** How old the state of a face in a video is; 0 where it is as good as new. @param {FaceVerdict | TrackedFace} face */
export function heldS(face) {
  const ageS = "stateAgeS" in face ? face.stateAgeS : 0;
  return ageS >= HELD_S && face.state !== "unsure" ? ageS : 0;
}

export class Catalogue {
  /** @param {string} code of the language @param {any} texts by section and name */
  constructor(code, texts) {
    this.code = code;
    this.texts = texts;
  }

  /** The text of a key, its places filled in. @param {string} key @param {Record<string, string | number>} [values] */
  text(key, values = {}) {
    const form = /** @type {any} */ (key.split(".").reduce((held, name) => held?.[name], this.texts));
    if (typeof form !== "string") throw new Error(`no text ${key}`);
    return form.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  /** A text about n things. @param {string} key @param {number} n @param {Record<string, string | number>} [values] */
  counted(key, n, values = {}) {
    return this.text(`${key}.${n === 1 ? "one" : "other"}`, { ...values, n: this.whole(n) });
  }

  /** @param {MaskState} state */
  label(state) {
    return this.text(`states.${state}`);
  }

  /** Such as "3 faces: 2 mask worn, 1 unsure". @param {{state: MaskState}[]} faces */
  counts(faces) {
    const shares = STATES.flatMap((state) => {
      const n = faces.filter((face) => face.state === state).length;
      return n ? [`${this.whole(n)} ${this.label(state).toLowerCase()}`] : [];
    });
    const total = this.counted("counts.faces", faces.length);
    return `${total}${shares.length ? ": " : ""}${shares.join(", ")}`;
  }

  /** @param {number} value @param {number} [digits] */
  number(value, digits = 1) {
    return fixed(value, digits).replace(".", this.text("format.decimal_mark"));
  }

  /** @param {number} ratio @param {number} [digits] */
  percent(ratio, digits = 1) {
    return `${this.number(100 * ratio, digits)}%`;
  }

  /** @param {number} value */
  whole(value) {
    return String(value).replace(/\B(?=(\d{3})+$)/g, this.text("format.thousands_mark"));
  }

  /** The confidence, or how long ago the state was seen. @param {FaceVerdict | TrackedFace} face */
  certainty(face, digits = 1) {
    const ageS = heldS(face);
    if (ageS) {
      const seconds = Math.max(1, Number(fixed(ageS, 0)));
      return this.text("picture.seconds_ago", { seconds });
    }
    const unsure = face.state === "unsure";
    const likely = face.confidence >= 0.5;
    const inVideo = "trackId" in face;
    if (unsure && (inVideo || likely)) return "";
    return inVideo && !likely ? this.text("picture.in_doubt") : this.percent(face.confidence, digits);
  }

  /** Such as "Mask worn 98.7%". @param {FaceVerdict | TrackedFace} face */
  verdict(face) {
    return `${this.label(face.state)} ${this.certainty(face)}`.trimEnd();
  }
}
