// How a visitor is warned of a steady violation: by a banner, and by a sound if wanted.

import { Bell } from "./bell.js";
import { badge, found, made } from "./dom.js";
import { Alarmist } from "./lib/warning.js";

/** @typedef {import("./lib/warning.js").Alarm} Alarm */

/** @type {Alarm} */
const NOTHING = { states: [], rings: 0, before: [] };

export class Warnings {
  #alarmist = new Alarmist();
  #alarm = NOTHING;
  #told = "";
  #bell = new Bell();
  #banner;
  #sound;
  #place;

  /** @param {import("./dom.js").Shared} shared */
  constructor(shared) {
    this.shared = shared;
    this.#banner = found("banner", HTMLInputElement, shared.root);
    this.#sound = found("sound", HTMLInputElement, shared.root);
    this.#place = found("warnings", HTMLElement, shared.root);
    this.#banner.addEventListener("change", () => this.render());
    this.#sound.addEventListener("change", () => this.#switchSound());
  }

  #switchSound() {
    const { checked } = this.#sound;
    found("sound_help", HTMLElement, this.shared.root).hidden = !checked;
    if (checked) this.#bell.ring(); // so that one knows how it sounds, and that it does
  }

  /** Nobody is in view any more, or not yet. */
  begin() {
    this.#alarmist = new Alarmist();
    this.#alarm = NOTHING;
  }

  /** @param {import("./lib/schema.js").FrameReport} report of the frame that is shown @param {number} timeS */
  see(report, timeS) {
    const { rings } = this.#alarm;
    this.#alarm = this.#alarmist.update(report, timeS);
    if (this.#alarm.rings > rings && this.#sound.checked) this.#bell.ring();
    this.render();
  }

  /** Shows the banner in the language of the moment. */
  render() {
    const say = this.shared.say();
    const { states, before } = this.#banner.checked ? this.#alarm : NOTHING;
    const told = [
      ...states.map((state) => ({ state, words: say.text(`warning_signs.${state}`) })),
      ...before.map((state) => ({ state, words: say.text(`warned_before.${state}`) })),
    ];
    const news = JSON.stringify(told);
    if (news === this.#told) return; // screen readers speak what is put here
    this.#told = news;
    const { styles } = this.shared.about;
    this.#place.replaceChildren(
      ...told.map(({ state, words }) => made("p", {}, badge(state, styles[state], words))),
    );
  }
}
