// How fast the page is on this device: drawn people, judged again and again.

import { Client } from "./client.js";
import { found, made } from "./dom.js";
import { fixed } from "./lib/number.js";

const PHOTO_RUNS = 3;
const FRAMES = 60;
const FRAME_S = 1 / 15;
const STEADINESS = 0.5;

const opened = performance.now();
const client = new Client();
const about = await (await fetch("about.json")).json();
await client.ask("start", { cards: about.cards });
const language = navigator.languages.map((tag) => tag.split("-")[0]).find((code) => code in about.languages);
const words = (await (await fetch(`words/${language ?? "en"}.json`)).json()).web;
document.documentElement.lang = language ?? "en";
for (const element of document.querySelectorAll("[data-text^='web.']")) {
  element.textContent = words[String(element.getAttribute("data-text")).slice("web.".length)];
}
tell("bench_ready", performance.now() - opened);
tell("bench_photo", Math.min(...(await repeated(PHOTO_RUNS, photo))));
tell("bench_new", median(await repeated(FRAMES, newFace)));
await client.ask("watch", { steadiness: STEADINESS });
// not every one is looked at whole
tell("bench_steady", mean(await repeated(FRAMES, frame)));
found("status", HTMLElement).textContent = "";
found("measured", HTMLElement).setAttribute("aria-busy", "false");
found("browser", HTMLElement).textContent = navigator.userAgent;

/** A row of the table. @param {string} key of what was measured @param {number} ms */
function tell(key, ms) {
  const head = made("th", { scope: "row" }, words[key]);
  const row = made("tr", {}, head, made("td", {}, `${fixed(ms, 0)} ms`));
  row.dataset.measured = key;
  found("measured", HTMLElement).append(made("tbody", {}, row));
}

/** @param {number} runs @param {(run: number) => Promise<number>} work that tells its milliseconds */
async function repeated(runs, work) {
  const tookMs = [];
  for (let run = 0; run < runs; run++) tookMs.push(await work(run));
  return tookMs;
}

/** A photo with four people. */
async function photo() {
  const bitmap = await picture("group");
  const answer = await client.ask("photo", { bitmap, source: "group" }, [bitmap]);
  return answer.tookMs;
}

/** A frame with a face that was not there before. @param {number} run */
async function newFace(run) {
  await client.ask("watch", { steadiness: STEADINESS });
  return frame(run);
}

/** The next frame of a camera that sees one face. @param {number} run */
async function frame(run) {
  const bitmap = await picture("worn", { resizeWidth: 640, resizeHeight: 480 });
  const answer = await client.ask("frame", { bitmap, timeS: run * FRAME_S }, [bitmap]);
  return answer.tookMs;
}

/** @param {string} name of a sample @param {ImageBitmapOptions} [options] */
async function picture(name, options) {
  const content = await (await fetch(`samples/${name}.jpg`)).blob();
  return createImageBitmap(content, options);
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
