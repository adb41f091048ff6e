// Everything heavy, away from the page: pixels in, verdicts out.

import * as ort from "./ort/ort.wasm.bundle.min.mjs";
import { LOADED } from "./client.js";
import { fetchBytes, fetchWasm, forgetOthers } from "./lib/fetch.js";
import { Analyzer } from "./lib/pipeline.js";
import { toPicture } from "./lib/pixels.js";
import { Stream } from "./lib/stream.js";

/** @typedef {import("./lib/schema.js").FrameReport} FrameReport */
/** @typedef {import("./lib/schema.js").Cards} Cards */

/**
 * Where the networks lie, packed by gzip, and the name of this very runtime; a page that keeps its
 * files by itself gives none.
 * @typedef {{detector: string, classifier: string, runtime: string}} NetworkFiles
 */

const FILES = {
  detector: "./models/detector.onnx.gz",
  classifier: "./models/classifier.onnx.gz",
  runtime: "",
};

/** @type {Analyzer} */
let analyzer;
/** @type {Stream} */
let stream;

/** A file of the page. @param {string} path @param {string} [sha256] @param {string} [keptAs] */
function fetched(path, sha256, keptAs) {
  return fetchBytes(new URL(path, import.meta.url), sha256, keptAs);
}

/** Tells ONNX Runtime where its WebAssembly is. @param {string} keptAs */
async function loadRuntime(keptAs) {
  const url = new URL("./ort/ort-wasm-simd-threaded.wasm.gz", import.meta.url);
  url.search = keptAs;
  Object.assign(ort.env.wasm, await fetchWasm(url, keptAs));
}

/** @param {Uint8Array} bytes of an ONNX file @param {import("./lib/schema.js").NetworkFile} file */
async function makeNetwork(bytes, { optimization }) {
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: optimization,
  });
  const [input] = session.inputNames;
  const [output] = session.outputNames;
  return async (/** @type {Uint8Array} */ data, /** @type {number[]} */ shape) => {
    const answers = await session.run({ [input]: new ort.Tensor("uint8", data, shape) });
    return /** @type {Float32Array} */ (answers[output].data);
  };
}

/** What can be asked; each answers with plain values, and with what is handed over with them. */
const doors = {
  /** Load the networks. @param {{cards: Cards, files?: NetworkFiles}} call */
  async start({ cards, files = FILES }) {
    ort.env.wasm.numThreads = 1; // more doubled the work and brought no time
    const hashes = [cards.detector.file.sha256, cards.classifier.file.sha256];
    const keeps = files.runtime !== ""; // others are the service worker's
    const runtime = loadRuntime(files.runtime);
    const load = async (/** @type {"detector" | "classifier"} */ kind) => {
      const { file } = cards[kind];
      const keptAs = keeps ? file.sha256 : undefined;
      const [bytes] = await Promise.all([fetched(files[kind], file.sha256, keptAs), runtime]);
      return makeNetwork(bytes, file);
    };
    const [detector, classifier] = await Promise.all([load("detector"), load("classifier")]);
    if (keeps) await forgetOthers([files.runtime, ...hashes]);
    analyzer = new Analyzer({ detector, classifier }, cards);
    queue = queue.then(firstLook);
    return { answer: null, handed: [] };
  },

  /** Judge a photo. @param {{bitmap: ImageBitmap, source: string}} call */
  async photo({ bitmap, source }) {
    const report = await analyzer.analyze(toPicture(bitmap), source);
    return { answer: { report, bitmap }, handed: [bitmap] };
  },

  /** Begin with nobody seen. @param {{steadiness: number}} call */
  async watch({ steadiness }) {
    stream = new Stream(analyzer, steadiness);
    return { answer: null, handed: [] };
  },

  /** Judge the next frame. @param {{bitmap: ImageBitmap, timeS: number}} call */
  async frame({ bitmap, timeS }) {
    const report = await stream.update(toPicture(bitmap), timeS);
    return { answer: { report, bitmap }, handed: [bitmap] };
  },
};

/** The first runs are slow, they plan memory; better before somebody waits for them. */
async function firstLook() {
  const face = { boxXyxy: [0, 0, 64, 48], detectionScore: 1, landmarksXy: null };
  const picture = { data: new Uint8Array(64 * 48 * 3), width: 64, height: 48, channels: 3 };
  try {
    await analyzer.findLive(picture);
    await analyzer.judge(picture, [face]);
  } catch {
    // whoever asks next is told
  }
}

let queue = Promise.resolve(); // one after the other: a session cannot run twice at once

addEventListener("message", ({ data: { id, door, call } }) => {
  queue = queue.then(async () => {
    const began = performance.now();
    try {
      const { answer, handed } = await doors[/** @type {keyof typeof doors} */ (door)](call);
      postMessage({ id, answer, tookMs: performance.now() - began }, { transfer: handed });
    } catch (error) {
      postMessage({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
});

postMessage({ id: LOADED });
