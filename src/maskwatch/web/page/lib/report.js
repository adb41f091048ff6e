// Results -> the text of files, letter for letter as Python writes it. Mirrors maskwatch/io/report.py.

import { Rounded } from "./number.js";
import { CLASSES, toDocument } from "./schema.js";

/** @typedef {import("./schema.js").FrameReport} FrameReport */
/** @typedef {import("./schema.js").ImageError} ImageError */

const CSV_COLUMNS = [
  ...["source", "face", "left", "top", "right", "bottom", "detection_score"],
  ...["state", "confidence", ...CLASSES, "face_origin", "model", "detector"],
  ...["track_id", "state_age_s", "error"],
];

/** One JSON document a line and picture. @param {(FrameReport | ImageError)[]} results */
export function toJsonl(results) {
  return results.map((result) => json(toDocument(result)));
}

/** A header, then one row a face. @param {(FrameReport | ImageError)[]} results */
export function toCsv(results) {
  return [CSV_COLUMNS, ...results.flatMap(csvRows)].map(csvLine);
}

/**
 * The cells for each face, which are counted from 1; a picture without one has a row with nothing
 * about a face, and an unreadable one says why.
 * @param {FrameReport | ImageError} result @returns {unknown[][]}
 */
function csvRows(result) {
  const noFace = Array(8 + CLASSES.length).fill(null);
  if ("reason" in result) return [[result.source, ...noFace, ...Array(5).fill(null), result.reason]];
  const about = [result.faceOrigin, result.model, result.detector];
  if (!result.faces.length) return [[result.source, ...noFace, ...about, null, null, null]];
  return result.faces.map((face, at) => {
    // of a face in a video
    const tracked = "trackId" in face ? [face.trackId, new Rounded(face.stateAgeS, 3)] : [null, null];
    const probabilities = CLASSES.map((state) => new Rounded(face.probabilities[state], 4));
    return [
      ...[result.source, at + 1, ...face.boxXyxy.map((value) => new Rounded(value, 2))],
      ...[new Rounded(face.detectionScore, 4), face.state],
      ...[new Rounded(face.confidence, 4), ...probabilities, ...about],
      ...[...tracked, null],
    ];
  });
}

/** @param {unknown} value @returns {string} */
function json(value) {
  if (value instanceof Rounded) return value.text;
  if (Array.isArray(value)) return `[${value.map(json).join(", ")}]`;
  if (value && typeof value === "object") {
    const entries = Object.entries(value).map(([key, held]) => `${json(key)}: ${json(held)}`);
    return `{${entries.join(", ")}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Text that a spreadsheet would compute gets an apostrophe, as in maskwatch/io/text_files.py. @param {unknown[]} cells */
function csvLine(cells) {
  return cells
    .map((cell) => (typeof cell === "string" && /^'*[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell))
    .map((cell) => (cell === null ? "" : String(cell)))
    .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(",");
}
