// Asks the page's own modules what Python was asked, and tells where they answer otherwise.

import { Attention } from "/lib/attention.js";
import { decodeFaces, suppressOverlaps } from "/lib/boxes.js";
import { Classifier, calibrate } from "/lib/classify.js";
import { cropFace } from "/lib/crop.js";
import { CutFinder } from "/lib/cut.js";
import { FaceDetector } from "/lib/detect.js";
import { fills, looksLikeCrop, withBorder, withoutBorder } from "/lib/edge.js";
import { isWithin, letterBox, wholeCells } from "/lib/letter_box.js";
import { readingOrder } from "/lib/pipeline.js";
import { evidenceWeight, measureQuality } from "/lib/quality.js";
import { toCsv, toJsonl } from "/lib/report.js";
import { resizeArea, resizeLinear, whole } from "/lib/resize.js";
import { CLASSES, STATES } from "/lib/schema.js";
import { Smoother, settingsFrom } from "/lib/smooth.js";
import { Stream } from "/lib/stream.js";
import { Session } from "/lib/counting.js";
import { Catalogue } from "/lib/text.js";
import { isPart, isWhole, tileCorners, tileScales } from "/lib/tiles.js";
import { Tracker } from "/lib/track.js";
import { Alarmist } from "/lib/warning.js";

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const picture = ({ width, height, rgb }) => ({ data: bytes(rgb), width, height, channels: 3 });
const packed = (data) => btoa(String.fromCharCode(...data));
const face = ({ box, score = 1, landmarks = null }) => ({
  boxXyxy: box,
  detectionScore: score,
  landmarksXy: landmarks,
});
const plain = ({ boxXyxy, detectionScore, landmarksXy }) => ({
  box: boxXyxy,
  score: detectionScore,
  landmarks: landmarksXy,
});
const quality = ([sidePx, sharpness, visibleRatio = 1, rollDeg = null, yawDeg = null]) => ({
  ...{ sidePx, sharpness, visibleRatio, rollDeg, yawDeg },
});
const words = Object.fromEntries(
  await Promise.all(
    ["en", "id"].map(async (code) => [
      code,
      new Catalogue(code, await (await fetch(`/words/${code}.json`)).json()),
    ]),
  ),
);

const answers = {
  scale({ to: [width, height], mode, ...image }) {
    const from = picture(image);
    const resize = mode === "area" ? resizeArea : resizeLinear;
    return packed(resize(from, whole(from), width, height));
  },

  letter_boxes({ side, ...image }) {
    const { padded, columns, rows, ratioX, ratioY } = letterBox(picture(image), side);
    return { width: columns, height: rows, rgb: packed(padded), ratio: [ratioX, ratioY] };
  },

  decode: ({ output, size: [width, height], least }) =>
    decodeFaces(output, width, height, least).map(plain),

  async looks({ card, outputs }) {
    const network = async (_, [, , columns]) => Float32Array.from(outputs[columns]);
    const image = { data: new Uint8Array(128 * 128 * 3), width: 128, height: 128, channels: 3 };
    return (await new FaceDetector(network, card).detect(image)).map(plain);
  },

  async tiled_looks({ size: [width, height], card, outputs }) {
    const network = async (_, [, , columns]) => {
      const { points, faces } = outputs[columns];
      const output = new Float32Array(points * 15);
      for (let at = 0; at < output.length; at += 15) output[at] = -9;
      for (const [point, values] of Object.entries(faces)) output.set(values, point * 15);
      return output;
    };
    const image = { data: new Uint8Array(width * height * 3), width, height, channels: 3 };
    return (await new FaceDetector(network, card).detect(image)).map(plain);
  },

  tiles({ size, shrunk, scale, boxes, faces }) {
    const corners = tileCorners(...size, scale);
    return {
      scales: tileScales(shrunk),
      corners,
      whole: corners.map((corner) => boxes.map((box) => isWhole(box, corner, size, scale))),
      part: boxes.map((box) => isPart(box, faces)),
    };
  },

  suppress: ({ faces, max_iou: maxIou }) => suppressOverlaps(faces.map(face), maxIou).map(plain),

  crop: ({ box, side, margin, ...image }) => packed(cropFace(picture(image), box, side, margin)),

  quality({ box, landmarks, score, margin, ...image }) {
    const seen = measureQuality(picture(image), face({ box, landmarks }), margin);
    const { sidePx, sharpness, visibleRatio, rollDeg, yawDeg } = seen;
    return [sidePx, sharpness, visibleRatio, rollDeg, yawDeg, evidenceWeight(seen, score)];
  },

  probabilities: ({ rows, temperature, shift }) =>
    rows.map((row) => calibrate(row, { temperature, logit_shift: shift })),

  order({ boxes }) {
    const faces = boxes.map((box) => face({ box }));
    return readingOrder(faces).map((each) => faces.indexOf(each));
  },

  crops_of_faces: ({ size: [width, height] }) => looksLikeCrop(width, height),

  borders(image) {
    const { data, width, height } = withBorder(picture(image));
    return { width, height, rgb: packed(data) };
  },

  borders_off({ size: [width, height], faces }) {
    const inside = withoutBorder(faces.map(face), width, height);
    return { faces: inside.map(plain), fills: fills(inside, width, height) };
  },

  cuts({ scenes, frames }) {
    const cuts = new CutFinder();
    return frames.map(({ scene, elapsed }) => cuts.isCut(picture(scenes[scene]), elapsed));
  },

  attention({ scenes, frames }) {
    const watch = new Attention();
    const patches = scenes.map((values) => Float64Array.from(values));
    return frames.map(({ scene, size, elapsed, boxes, doubts, lost }) => {
      const told = [watch.window(patches[scene], size, elapsed), watch.followed];
      watch.see(boxes, doubts);
      if (lost) watch.lose();
      return told;
    });
  },

  windows({ window, ratio: [ratioX, ratioY], columns, rows, boxes }) {
    const cells = wholeCells(window, { columns, rows, ratioX, ratioY });
    return { cells, within: boxes.map((box) => isWithin(box, cells, { columns, rows })) };
  },

  tracker({ frames }) {
    const tracker = new Tracker();
    return frames.map(({ boxes, sure, elapsed }) => tracker.update(boxes, sure, elapsed));
  },

  smoother({ steadiness, frames }) {
    const smoother = new Smoother(settingsFrom(steadiness));
    return frames.map(({ looks, ids, elapsed }) => {
      const seen = new Map(looks.map(({ id, ...look }) => [id, look]));
      const shown = smoother.update(seen, new Set(ids), elapsed);
      return [...shown].map(([id, { state, probabilities, ageS }]) => [
        ...[id, state, CLASSES.map((each) => probabilities[each]), ageS],
      ]);
    });
  },

  async stream({ scenes, frames }) {
    let script = [];
    let past = [];
    let judged;
    let windows;
    const holds = ([left, top, right, bottom], [x0, y0, x1, y1]) => {
      const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
      return left <= x && x <= right && top <= y && y <= bottom;
    };
    const classifier = new Classifier(null, { classes: CLASSES, unsure_below: 0.5 });
    const scripted = (known) =>
      [...past, ...script].findLast(({ box }) => box === known.boxXyxy);
    const analyzer = {
      findLive: (_, window = null) => {
        windows.push(window);
        const seen = script.filter(({ box }) => !window || holds(window, box));
        return { faces: seen.map(face), sure: seen.map(({ sure }) => sure) };
      },
      judge: (_, faces) => {
        judged = faces.map(({ boxXyxy }) => boxXyxy);
        return faces.map((known) => {
          const { probabilities, quality: seen } = scripted(known);
          const decided = classifier.decide(CLASSES.map((each) => probabilities[each]));
          return { ...known, ...decided, probabilities, quality: quality(seen) };
        });
      },
      quality: (_, known) => quality(scripted(known).quality),
      report: (faces) => ({ faces }),
    };
    const stream = new Stream(analyzer);
    const told = [];
    for (const { time, scene, faces } of frames) {
      past = [...past, ...script];
      script = faces;
      windows = [];
      const report = await stream.update(picture(scenes[scene]), time);
      told.push({
        judged,
        windows,
        faces: report.faces.map((each) => [
          ...[each.trackId, each.state, each.rawState, each.confidence],
          ...CLASSES.map((state) => each.probabilities[state]),
          ...[each.stateAgeS, each.detectionScore],
        ]),
      });
    }
    return told;
  },

  counting({ frames }) {
    const session = new Session();
    return frames.map(({ time, states }) => {
      const faces = states.map(([trackId, state]) => ({ trackId, state }));
      const { inView, people, faceS } = session.add({ faces }, time);
      return [inView, people, faceS].map((counts) => STATES.map((state) => counts[state]));
    });
  },

  warning({ frames }) {
    const alarmist = new Alarmist();
    return frames.map(({ time, states: shown }) => {
      const faces = shown.map(([trackId, state]) => ({ trackId, state }));
      const { states, rings, before } = alarmist.update({ faces }, time);
      return [states, rings, before];
    });
  },

  reports({ source, faces, unreadable }) {
    const report = {
      faces: faces.map((each) => ({
        ...face(each),
        state: each.state,
        confidence: Math.max(...Object.values(each.probabilities)),
        probabilities: each.probabilities,
        quality: quality(each.quality),
        ...(each.track && {
          ...{ trackId: each.track[0], rawState: each.track[1], stateAgeS: each.track[2] },
        }),
      })),
      imageSizeWh: [640, 480],
      faceOrigin: "detected",
      model: "model 1",
      source,
      detector: "detector 1",
    };
    const error = { source: "gone.jpg", reason: "damaged, as it seems" };
    const results = unreadable ? [error, report] : [report];
    return { jsonl: toJsonl(results), csv: toCsv(results) };
  },

  text({ language, state, confidence, age, states, whole: number }) {
    const say = words[language];
    if (states) return say.counts(states.map((each) => ({ state: each })));
    if (number !== undefined) return say.whole(number);
    return say.verdict({ trackId: 1, state, confidence, stateAgeS: age });
  },
};

// what Python computes with four bytes
const LOOSE = { decode: 1e-5, looks: 1e-5, tiled_looks: 1e-5, probabilities: 1e-6, quality: 1e-6 };

/** Where an answer differs from what is expected, in lines. */
function faults(found, expected, tolerance, where) {
  if (typeof expected === "number" && typeof found === "number") {
    const near = Math.abs(found - expected) <= tolerance * Math.max(1, Math.abs(expected));
    return near ? [] : [`${where}: ${found}, not ${expected}`];
  }
  if (expected && typeof expected === "object" && found && typeof found === "object") {
    const keys = new Set([...Object.keys(expected), ...Object.keys(found)]);
    return [...keys].flatMap((key) =>
      faults(found[key], expected[key], tolerance, `${where}.${key}`),
    );
  }
  return Object.is(found, expected) ? [] : [`${where}: ${found}, not ${expected}`];
}

/** Every difference between the page and Python, in lines. */
export async function check() {
  const lines = [];
  for (const [name, answer] of Object.entries(answers)) {
    const { cases } = await (await fetch(`/contract/${name}.json`)).json();
    if (!cases.length) lines.push(`${name}: nothing to check`);
    for (const [at, { given, answer: expected }] of cases.entries()) {
      const found = await answer(given);
      lines.push(...faults(found, expected, LOOSE[name] ?? 1e-9, `${name}[${at}]`));
    }
  }
  return { lines, checked: Object.keys(answers) };
}
