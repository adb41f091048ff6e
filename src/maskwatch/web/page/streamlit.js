// The live view as a part of a Streamlit page: no frame, nothing from elsewhere. Python gives words and
// networks, and hears how many people were counted, if that is wanted; it never sees a picture.

import { Client } from "./client.js";
import { found, write } from "./dom.js";
import { noCounts } from "./lib/counting.js";
import { STATES } from "./lib/schema.js";
import { Catalogue } from "./lib/text.js";
import { LiveView } from "./live.js";

/** @typedef {import("./lib/counting.js").Counts} Counts */
/** @typedef {{people: Counts, faceS: Counts}} Sums */
/** @typedef {import("./watching.js").Watching} Watching */
/**
 * What Python gives; see maskwatch/app/own_browser.py.
 * @typedef {object} Data
 * @property {string} language code of it
 * @property {any} words of the language, by section and name
 * @property {import("./dom.js").Shared["about"] & {cards: import("./lib/schema.js").Cards}} about
 * @property {import("./worker.js").NetworkFiles} files of the networks, seen from the root of the pages
 * @property {boolean} is_counted whether Python wants to hear counts
 */
/** @typedef {(name: string, value: any) => void} Tell */

const TOLD_EVERY_MS = 10_000;

/** @type {WeakMap<ShadowRoot, OwnBrowser>} */
const mounted = new WeakMap();

/**
 * Called by Streamlit at first, and whenever Python gives something else.
 * @param {{parentElement: ShadowRoot, data: Data, setStateValue: Tell}} component
 */
export default function show({ parentElement: root, data, setStateValue }) {
  const known = mounted.get(root) ?? new OwnBrowser(root, data);
  mounted.set(root, known);
  known.update(data, setStateValue);
  return () => {
    known.end();
    mounted.delete(root);
  };
}

class OwnBrowser {
  #client = new Client();
  #counts = new ClaimedCounts();
  /** @type {Tell} */
  #tell = () => undefined;
  #isCounted = false;
  #fault = "";
  #timer;
  #view;
  #say;

  /** @param {ShadowRoot} root @param {Data} data */
  constructor(root, data) {
    this.root = root;
    this.#say = new Catalogue(data.language, data.words);
    const { about } = data;
    const ready = this.#client.ask("start", { cards: about.cards, files: located(data.files) });
    const say = () => this.#say;
    const began = (/** @type {Watching} */ watching) => this.#counts.add(watching);
    this.#view = new LiveView({ client: this.#client, ready, about, say, root, began });
    this.#timer = setInterval(() => this.#report(), TOLD_EVERY_MS);
    ready.catch((error) => {
      this.#fault = error.message;
      this.#render();
    });
  }

  /** @param {Data} data @param {Tell} tell */
  update(data, tell) {
    this.#tell = tell;
    this.#say = new Catalogue(data.language, data.words);
    if (data.is_counted && !this.#isCounted) this.#counts.begin();
    this.#isCounted = data.is_counted;
    this.#render();
  }

  end() {
    clearInterval(this.#timer);
    this.#view.stop();
    this.#client.end();
  }

  #render() {
    found("own_browser", HTMLElement, this.root).hidden = false; // what it shows can be used now
    write(this.root, this.#say);
    this.#view.render();
    const broken = found("broken", HTMLElement, this.root);
    broken.hidden = !this.#fault;
    broken.textContent = this.#fault && this.#say.text("networks.broken", { why: this.#fault });
  }

  #report() {
    const claim = this.#isCounted && this.#counts.news();
    if (claim) this.#tell("claim", claim);
  }
}

/** What was counted from a moment on, however often the video was started anew. */
export class ClaimedCounts {
  #visit = "";
  /** @type {{counts: Sums}[]} */
  #watchings = [];
  /** @type {Sums} what had been counted at the moment */
  #zero = this.#sums();
  #told = "";

  /** Another video begins. @param {{counts: Sums}} watching */
  add(watching) {
    this.#watchings.push(watching);
  }

  /** From now on. */
  begin() {
    this.#visit = String(Math.random()); // whose it is nobody is to know
    this.#zero = this.#sums();
    this.#told = "";
  }

  /** The sums, if they are others than before. */
  news() {
    const { people, faceS } = combined(this.#sums(), this.#zero, (now, then) => now - then);
    const claim = { visit: this.#visit, people, face_s: faceS };
    const told = JSON.stringify(claim);
    if (told === this.#told || !STATES.some((state) => faceS[state])) return null;
    this.#told = told;
    return claim;
  }

  /** Of all videos so far. */
  #sums() {
    /** @type {Sums} */
    const none = { people: noCounts(), faceS: noCounts() };
    return this.#watchings.reduce((sums, { counts }) => combined(sums, counts, (a, b) => a + b), none);
  }
}

/** @param {Sums} one @param {Sums} other @param {(a: number, b: number) => number} how @returns {Sums} */
function combined(one, other, how) {
  const each = (/** @type {Counts} */ a, /** @type {Counts} */ b) =>
    /** @type {Counts} */ (Object.fromEntries(STATES.map((state) => [state, how(a[state], b[state])])));
  return { people: each(one.people, other.people), faceS: each(one.faceS, other.faceS) };
}

/** Where files lie, however the pages are reached. @param {import("./worker.js").NetworkFiles} files */
function located({ detector, classifier, runtime }) {
  const root = new URL("../../../", import.meta.url); // these files are _stcore/bidi-components/NAME
  const place = (/** @type {string} */ path) => new URL(path.replace(/^\//, ""), root).href;
  return { detector: place(detector), classifier: place(classifier), runtime };
}
