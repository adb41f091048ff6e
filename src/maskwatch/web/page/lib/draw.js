// Picture + report -> the picture with a border round each face, its label and the confidence.
// Mirrors maskwatch/io/draw.py.

import { SHOWN_PX, faceLabels, padPx, pictureLabel } from "./labels.js";
import { heldS } from "./text.js";

/** @typedef {import("./schema.js").BoxXYXY} BoxXYXY */
/** @typedef {import("./schema.js").FrameReport} FrameReport */
/** @typedef {"solid" | "dashed" | "double" | "dotted"} Line */
/**
 * How a state looks; see maskwatch/io/style.py.
 * @typedef {{colour: string, line: Line, symbol: string, strokes: [number, number][][]}} Style
 */
/** @typedef {{styles: Record<string, Style>, plate: string, ink: string}} Look of all states */

/**
 * Draws a report on its picture.
 * @param {CanvasRenderingContext2D} pen of a canvas that holds the picture
 * @param {FrameReport} report in pixels of the canvas
 * @param {Look} look @param {import("./text.js").Catalogue} say
 * @param {number} [shownPx] how large its longer side will be shown; text is made for that
 */
export function annotate(pen, report, look, say, shownPx = SHOWN_PX) {
  const { width, height } = pen.canvas;
  const whole = report.faceOrigin === "whole_image";
  for (const face of report.faces) {
    const broad = linePx(face.boxXyxy, Math.min(width, height), whole);
    // a state of a while ago is drawn with a thinner line
    const px = heldS(face) ? Math.max(1, Math.floor(broad / 2)) : broad;
    drawBorder(pen, face.boxXyxy, look.styles[face.state], px, look.plate);
  }
  const measure = (/** @type {string} */ text, /** @type {number} */ textPx) => {
    pen.font = font(textPx);
    return pen.measureText(text).width;
  };
  const labels = whole
    ? report.faces.map((face) => pictureLabel(face, [width, height], say, measure))
    : faceLabels(report.faces, [width, height], shownPx, say, measure);
  for (const label of labels) drawLabel(pen, label, look);
}

/** A report of a picture that is drawn smaller. @param {FrameReport} report @param {number} ratio @returns {FrameReport} */
export function scaledReport(report, ratio) {
  const faces = report.faces.map((face) => ({
    ...face,
    boxXyxy: face.boxXyxy.map((value) => value * ratio),
  }));
  return { ...report, faces };
}

/** @param {number} textPx */
function font(textPx) {
  return `${textPx}px system-ui, sans-serif`;
}

/** @param {BoxXYXY} box @param {number} shorterPx of the picture @param {boolean} whole */
function linePx([left, top, right, bottom], shorterPx, whole) {
  if (whole) return Math.max(4, Math.floor(shorterPx / 40));
  const facePx = Math.floor(Math.min(right - left, bottom - top));
  const most = Math.max(4, Math.floor(shorterPx / 100));
  return Math.max(1, Math.min(most, Math.floor(facePx / 16)));
}

/**
 * @param {CanvasRenderingContext2D} pen @param {BoxXYXY} box @param {Style} style
 * @param {number} px breadth of the line @param {string} base colour under it
 */
function drawBorder(pen, box, style, px, base) {
  const [left, top, right, bottom] = box.map(Math.round);
  // the dark base keeps the pattern visible on any background
  pen.fillStyle = base;
  frame(pen, left, top, right, bottom, px + (px >= 4 ? 2 : 1));
  pen.fillStyle = style.colour;
  if (style.line === "solid") frame(pen, left, top, right, bottom, px);
  else if (style.line === "double") {
    const thin = Math.max(1, Math.floor((px * 2) / 5));
    for (const inset of [0, px - thin]) {
      frame(pen, left + inset, top + inset, right - inset, bottom - inset, thin);
    }
  } else {
    const [on, off] = style.line === "dashed" ? [5 * px, 3 * px] : [px, px];
    for (let x = left; x < right; x += on + off) {
      pen.fillRect(x, top, Math.min(on, right - x), px);
      pen.fillRect(x, bottom - px, Math.min(on, right - x), px);
    }
    for (let y = top; y < bottom; y += on + off) {
      pen.fillRect(left, y, px, Math.min(on, bottom - y));
      pen.fillRect(right - px, y, px, Math.min(on, bottom - y));
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} pen @param {number} left @param {number} top
 * @param {number} right @param {number} bottom @param {number} px
 */
function frame(pen, left, top, right, bottom, px) {
  pen.fillRect(left, top, right - left, px);
  pen.fillRect(left, bottom - px, right - left, px);
  pen.fillRect(left, top, px, bottom - top);
  pen.fillRect(right - px, top, px, bottom - top);
}

/** @param {CanvasRenderingContext2D} pen @param {import("./labels.js").Label} label @param {Look} look */
function drawLabel(pen, { plate, x, y }, { styles, plate: dark, ink }) {
  const { colour, symbol, strokes } = styles[plate.state];
  const side = plate.height;
  pen.fillStyle = dark;
  pen.fillRect(x, y, plate.width, side);
  pen.fillStyle = colour;
  pen.fillRect(x, y, side, side);
  pen.lineWidth = side / 7;
  pen.lineJoin = "round";
  pen.strokeStyle = dark;
  pen.beginPath();
  for (const [first, ...rest] of strokes) {
    pen.moveTo(x + first[0] * side, y + first[1] * side);
    for (const point of rest) pen.lineTo(x + point[0] * side, y + point[1] * side);
  }
  pen.stroke();
  pen.textBaseline = "middle";
  if (!strokes.length) {
    pen.fillStyle = dark;
    pen.textAlign = "center";
    pen.font = `bold ${font(Math.round(side * 0.75))}`;
    pen.fillText(symbol, x + side / 2, y + side / 2);
  }
  pen.fillStyle = ink;
  pen.textAlign = "left";
  pen.font = font(plate.textPx);
  pen.fillText(plate.text, x + side + padPx(plate.textPx), y + side / 2);
}
