// Judges files of this server as the page does, and answers with what it would write.

import { Client } from "/client.js";
import { decode } from "/lib/images.js";
import { toJsonl } from "/lib/report.js";

const about = await (await fetch("/about.json")).json();
const client = new Client();
await client.ask("start", { cards: about.cards });

/** @param {string[]} names of files under /photos */
export async function judgePhotos(names) {
  const results = [];
  for (const name of names) {
    const content = await (await fetch(`/photos/${encodeURIComponent(name)}`)).blob();
    const bitmap = await decode(new File([content], name), about.max_pixels);
    if (typeof bitmap === "string") results.push({ source: name, reason: bitmap });
    else results.push((await client.ask("photo", { bitmap, source: name }, [bitmap])).report);
  }
  return toJsonl(results);
}

/**
 * @param {string[]} names of files under /photos, frames of one camera @param {number[]} timesS
 * @param {boolean} [begins] with nobody seen
 */
export async function judgeFrames(names, timesS, begins = true) {
  if (begins) await client.ask("watch", { steadiness: 0.5 });
  const reports = [];
  for (const [at, name] of names.entries()) {
    const content = await (await fetch(`/photos/${encodeURIComponent(name)}`)).blob();
    const bitmap = await createImageBitmap(content, { colorSpaceConversion: "none" });
    const call = { bitmap, timeS: timesS[at] };
    reports.push((await client.ask("frame", call, [bitmap])).report);
  }
  return toJsonl(reports);
}
