// Crops -> calibrated probabilities -> verdict. Mirrors maskwatch/vision/classify.py.

/** @typedef {import("./schema.js").ModelCard} ModelCard */
/** @typedef {import("./schema.js").MaskState} MaskState */

const BATCH = 32;

export class Classifier {
  /** @param {import("./detect.js").Network} network @param {ModelCard} card */
  constructor(network, card) {
    this.network = network;
    this.card = card;
  }

  /**
   * @param {Uint8Array[]} crops (side, side, 3) each
   * @returns {Promise<number[][]>} a row each, in the card's class order
   */
  async probabilities(crops) {
    const { input_side_px: side, classes } = this.card;
    const rows = [];
    for (let start = 0; start < crops.length; start += BATCH) {
      const part = crops.slice(start, start + BATCH);
      const input = new Uint8Array(part.length * side * side * 3);
      part.forEach((crop, at) => input.set(crop, at * crop.length));
      const output = await this.network(input, [part.length, side, side, 3]);
      for (let from = 0; from < output.length; from += classes.length) {
        rows.push(calibrate([...output.subarray(from, from + classes.length)], this.card));
      }
    }
    return rows;
  }

  /** @param {number[]} probabilities @returns {{state: MaskState, confidence: number}} */
  decide(probabilities) {
    const confidence = Math.max(...probabilities);
    const likeliest = this.card.classes[probabilities.indexOf(confidence)];
    return { state: confidence >= this.card.unsure_below ? likeliest : "unsure", confidence };
  }
}

/**
 * @param {number[]} row what a softmax says
 * @param {{temperature: number, logit_shift: number[]}} card
 */
export function calibrate(row, { temperature, logit_shift: shift }) {
  if (temperature === 1 && !shift.some(Boolean)) return row;
  const logits = row.map((p, at) => Math.log(Math.max(p, 1e-12)) / temperature + shift[at]);
  const high = Math.max(...logits);
  const powered = logits.map((logit) => Math.exp(logit - high));
  const total = powered.reduce((sum, value) => sum + value, 0);
  return powered.map((value) => value / total);
}
