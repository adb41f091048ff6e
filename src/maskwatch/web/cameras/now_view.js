// Each camera now: how it fares, who is in view, and for owners what it sees.

import { newest, picture, show, told } from "./asking.js";
import { badge, found, made } from "./dom.js";
import { STATES } from "./lib/schema.js";

/** @typedef {import("./lib/schema.js").MaskState} MaskState */
/**
 * What all views share.
 * @typedef {object} Shared
 * @property {Record<MaskState, import("./lib/draw.js").Style>} styles
 * @property {() => import("./lib/text.js").Catalogue} say the words in the language of the moment
 * @property {() => any} known what the server says of the key and of what can be set
 * @property {() => boolean} isOwner
 * @property {(id: string, words: () => string) => void} tell
 * @property {(error: unknown) => void} fail
 * @property {() => Promise<void>} learn asks the server anew
 */

const EVERY_MS = 1000;
const LARGE_EVERY_MS = 200;
const SMALL_PX = "480";
const LARGE_PX = "1280";

export class NowView {
  /** @param {Shared} shared */
  constructor(shared) {
    this.shared = shared;
    /** @type {Map<string, HTMLElement>} by the name of the camera */
    this.cards = new Map();
    /** @type {any[]} what was last said of them */
    this.cameras = [];
    this.timer = 0;
    this.opening = newest();
    this.enlarging = newest();
    this.dialog = found("large", HTMLDialogElement);
    found("close", HTMLElement).addEventListener("click", () => this.dialog.close());
  }

  open() {
    this.look(this.opening());
  }

  close() {
    this.opening(); // what is still on its way is of no use
    clearTimeout(this.timer);
    this.dialog.close();
  }

  render() {
    for (const camera of this.cameras) this.write(camera);
  }

  /** Asks for everything, and again after a while. @param {() => boolean} isOpen */
  async look(isOpen) {
    clearTimeout(this.timer);
    const timer = (this.timer = setTimeout(() => this.look(isOpen), 10 * EVERY_MS)); // if no answer comes
    try {
      const cameras = await told("api/cameras");
      if (!isOpen()) return;
      this.cameras = cameras;
      this.forgetOthers(cameras.map((/** @type {any} */ one) => one.name));
      for (const camera of this.cameras) this.write(camera);
      if (this.shared.isOwner() && !this.dialog.open && !document.hidden) {
        await Promise.all(this.cameras.map((camera) => this.picture(camera)));
      }
      if (isOpen()) this.shared.fail(null);
    } catch (error) {
      if (isOpen()) this.shared.fail(error);
    }
    if (!isOpen() || this.timer !== timer) return; // another look goes on
    clearTimeout(timer);
    this.timer = setTimeout(() => this.look(isOpen), EVERY_MS);
  }

  /** @param {any} camera */
  write(camera) {
    const say = this.shared.say();
    const card = this.cards.get(camera.name) ?? this.made(camera.name);
    card.classList.toggle("violation", camera.violation);
    const live = camera.condition === "live";
    const words = say.text(`cameras.conditions.${camera.condition}`);
    const values = { rate: say.number(camera.rate_fps), latency: say.whole(camera.latency_ms) };
    const speed = live && say.text("cameras.speed", values);
    const trouble = !live && camera.trouble && say.text(`video_faults.${camera.fault}`);
    const slow = camera.is_slow && say.text("cameras.slow");
    part(card, ".condition").textContent = [words, speed, trouble, slow].filter(Boolean).join(" · ");
    const shown = STATES.filter((state) => live && camera.in_view[state]);
    const badges = shown.map((state) => {
      const text = `${say.whole(camera.in_view[state])} ${say.label(state)}`;
      return badge(state, this.shared.styles[state], text);
    });
    part(card, ".people").replaceChildren(...badges);
    if (live && !shown.length) part(card, ".people").append(say.text("cameras.nobody"));
    const button = part(card, "button");
    button.hidden = !this.shared.isOwner();
    button.setAttribute("aria-label", say.text("cameras.enlarge", { name: camera.name }));
    part(card, ".empty").textContent = say.text("cameras.no_picture");
  }

  /** Takes away the cards of cameras that are gone from the settings. @param {string[]} names that stay */
  forgetOthers(names) {
    for (const [name, card] of this.cards) {
      if (names.includes(name)) continue;
      card.remove();
      this.cards.delete(name);
    }
  }

  /** A card for a camera that has none yet. @param {string} name */
  made(name) {
    const button = made("button", { type: "button", className: "picture" });
    button.append(made("img", { alt: "", hidden: true }), made("span", { className: "empty" }));
    button.addEventListener("click", () => this.enlarge(name));
    const card = made(
      "li",
      { className: "card" },
      made("h2", {}, name),
      button,
      made("p", { className: "condition small" }),
      made("p", { className: "people" }),
    );
    this.cards.set(name, card);
    found("cards", HTMLElement).append(card);
    return card;
  }

  /** @param {any} camera */
  async picture(camera) {
    const card = this.cards.get(camera.name);
    if (!card) return;
    const address = await this.still(camera.name, SMALL_PX);
    const image = part(card, "img");
    image.hidden = address === null;
    part(card, ".empty").hidden = address !== null;
    if (image instanceof HTMLImageElement && address !== null) show(image, address);
  }

  /** @param {string} camera @param {string} px of the longer side */
  still(camera, px) {
    return picture("api/still", { camera, px, language: this.shared.say().code });
  }

  /** Shows one camera large, and often. @param {string} name */
  async enlarge(name) {
    const isNewest = this.enlarging();
    const isShown = () => isNewest() && this.dialog.open;
    found("large_name", HTMLElement).textContent = name;
    const image = found("large_picture", HTMLImageElement);
    image.hidden = true;
    image.alt = name;
    this.dialog.showModal();
    while (isShown()) {
      const address = await this.still(name, LARGE_PX).catch((error) => {
        if (isShown()) this.shared.fail(error);
        return null; // the last one is of a while ago
      });
      if (!isShown()) return URL.revokeObjectURL(address ?? "");
      image.hidden = address === null;
      if (address !== null) show(image, address);
      const said = address === null ? this.shared.say().text("cameras.no_picture") : "";
      found("large_said", HTMLElement).textContent = said;
      const pause_ms = document.hidden ? EVERY_MS : LARGE_EVERY_MS;
      await new Promise((resolve) => setTimeout(resolve, pause_ms));
    }
  }
}

/** @param {HTMLElement} card @param {string} selector */
function part(card, selector) {
  const element = card.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error(`no ${selector}`);
  return element;
}
