// A still with zones over it, and the corners of the one that is being drawn, by pointer or keys.

import { newest, picture } from "./asking.js";

/**
 * @typedef {object} Zone
 * @property {string} name
 * @property {string} kind include or ignore
 * @property {number[][]} polygon_xy corners as shares of width and height
 */

const LONGEST_PX = 1280;
const STEP = 0.02; // of width and height, for each press of an arrow
const TRIES = 20;
const PAUSE_MS = 250;
const COLOURS = /** @type {Record<string, string>} */ ({ include: "#56b4e9", ignore: "#e69f00" });

export class Drawing {
  /** @param {HTMLCanvasElement} canvas @param {() => void} onChange called when a corner was set or taken back */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    /** @type {Zone[]} */
    this.zones = [];
    /** @type {number[][]} */
    this.corners = [];
    /** @type {number[] | null} where the keys point */
    this.cursor = null;
    /** @type {ImageBitmap | null} */
    this.still = null;
    this.asking = newest();
    canvas.addEventListener("click", (event) => { // a finger that scrolls sets no corner
      canvas.focus();
      this.cursor = null;
      this.add([event.offsetX / canvas.clientWidth, event.offsetY / canvas.clientHeight]);
    });
    canvas.addEventListener("keydown", (event) => this.press(event));
    canvas.addEventListener("blur", () => {
      this.cursor = null;
      this.paint();
    });
  }

  get hasPicture() {
    return this.still !== null;
  }

  /** Fetches a new still; the camera holds one only once it was asked. @param {string} camera */
  async fetch(camera) {
    const isNewest = this.asking();
    for (let turn = 0; turn < TRIES && isNewest(); turn++) {
      const values = { camera, px: String(LONGEST_PX), plain: "" };
      const address = await picture("api/still", values).catch((error) => {
        if (isNewest()) throw error;
        return null;
      });
      if (address !== null) {
        const still = await bitmap(address);
        if (isNewest()) this.put(still);
        else still.close(); // of a camera that was left meanwhile
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** @param {ImageBitmap | null} still in the place of the last one */
  put(still) {
    this.still?.close();
    this.still = still;
    this.paint();
  }

  clear() {
    this.asking(); // what is still on its way is of no use
    this.corners = [];
    this.zones = [];
    this.cursor = null;
    this.put(null);
  }

  undo() {
    this.corners = this.corners.slice(0, -1);
    this.paint();
    this.onChange();
  }

  /** @param {number[]} corner */
  add(corner) {
    const inside = corner.map((value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4);
    this.corners = [...this.corners, inside];
    this.paint();
    this.onChange();
  }

  /** Arrows move, Enter sets a corner, Backspace takes it back. @param {KeyboardEvent} event */
  press(event) {
    const moves = /** @type {Record<string, number[]>} */ ({
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    });
    const move = moves[event.key];
    if (move) {
      const from = this.cursor ?? [0.5, 0.5];
      this.cursor = from.map((value, axis) => Math.min(1, Math.max(0, value + move[axis])));
      this.paint();
    } else if (event.key === "Enter") this.add(this.cursor ?? [0.5, 0.5]);
    else if (event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
  }

  paint() {
    const { canvas, still } = this;
    const pen = canvas.getContext("2d");
    if (!pen) throw new Error("this browser gives no canvas");
    canvas.width = still?.width ?? 640;
    canvas.height = still?.height ?? 360;
    if (still) pen.drawImage(still, 0, 0);
    const scale = canvas.width / (canvas.clientWidth || canvas.width); // pixels of it for one that is seen
    pen.lineWidth = 2 * scale;
    pen.font = `${14 * scale}px system-ui, sans-serif`;
    for (const zone of this.zones) {
      this.outline(pen, zone.polygon_xy, COLOURS[zone.kind], zone.kind === "ignore");
      const [x, y] = this.place(zone.polygon_xy[0]);
      this.label(pen, zone.name, x, y);
    }
    if (this.corners.length) this.outline(pen, this.corners, "#ffffff", false);
    for (const corner of this.corners) this.dot(pen, corner);
    if (this.cursor) this.cross(pen, this.cursor);
  }

  /** @param {number[]} corner @returns {[number, number]} */
  place([x, y]) {
    return [x * this.canvas.width, y * this.canvas.height];
  }

  /** @param {CanvasRenderingContext2D} pen @param {number[][]} corners @param {string} colour @param {boolean} dashed */
  outline(pen, corners, colour, dashed) {
    pen.beginPath();
    for (const corner of corners) pen.lineTo(...this.place(corner));
    pen.closePath();
    pen.setLineDash(dashed ? [pen.lineWidth * 4, pen.lineWidth * 3] : []);
    pen.strokeStyle = colour;
    pen.stroke();
    pen.globalAlpha = 0.25;
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }

  /** @param {CanvasRenderingContext2D} pen @param {string} text @param {number} x @param {number} y */
  label(pen, text, x, y) {
    const width = pen.measureText(text).width + 12;
    const height = Number.parseFloat(pen.font) * 1.4;
    const left = Math.max(0, Math.min(x, this.canvas.width - width));
    const top = Math.max(0, Math.min(y, this.canvas.height - height));
    pen.fillStyle = "#141414";
    pen.fillRect(left, top, width, height);
    pen.fillStyle = "#ffffff";
    pen.textBaseline = "middle";
    pen.fillText(text, left + 6, top + height / 2);
  }

  /** @param {CanvasRenderingContext2D} pen @param {number[]} corner */
  dot(pen, corner) {
    pen.beginPath();
    pen.arc(...this.place(corner), pen.lineWidth * 2, 0, 2 * Math.PI);
    pen.fillStyle = "#ffffff";
    pen.fill();
    pen.strokeStyle = "#141414";
    pen.stroke();
  }

  /** @param {CanvasRenderingContext2D} pen @param {number[]} corner */
  cross(pen, corner) {
    const [x, y] = this.place(corner);
    for (const [colour, width] of /** @type {[string, number][]} */ ([["#141414", 3], ["#ffffff", 1]])) {
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, this.canvas.height);
      pen.moveTo(0, y);
      pen.lineTo(this.canvas.width, y);
      pen.strokeStyle = colour;
      const before = pen.lineWidth;
      pen.lineWidth = width;
      pen.stroke();
      pen.lineWidth = before;
    }
  }
}

/** The picture that is kept under an address, and no longer there. @param {string} address */
async function bitmap(address) {
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    return await createImageBitmap(image);
  } finally {
    URL.revokeObjectURL(address);
  }
}
