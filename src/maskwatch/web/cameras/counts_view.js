// Counts of each camera beside each other.

import { newest, told } from "./asking.js";
import { found, made } from "./dom.js";
import { options } from "./events_view.js";
import { STATES } from "./lib/schema.js";

/** @typedef {import("./now_view.js").Shared} Shared */

const SPANS = { day: 24, week: 7 * 24, month: 30 * 24 };

export class CountsView {
  /** @param {Shared} shared */
  constructor(shared) {
    this.shared = shared;
    /** @type {any[]} */
    this.counts = [];
    this.asking = newest();
    found("span", HTMLSelectElement).addEventListener("change", () => this.look());
  }

  open() {
    this.render();
    this.look();
  }

  close() {
    this.asking(); // what is still on its way is of no use
  }

  async look() {
    const isNewest = this.asking();
    const span = /** @type {keyof typeof SPANS} */ (found("span", HTMLSelectElement).value);
    try {
      const counts = await told("api/counts", { hours: String(SPANS[span]) });
      if (!isNewest()) return;
      this.counts = counts;
      this.render();
      this.shared.fail(null);
    } catch (error) {
      if (isNewest()) this.shared.fail(error);
    }
  }

  render() {
    const say = this.shared.say();
    options("span", Object.keys(SPANS).map((span) => [span, say.text(`cameras.spans.${span}`)]));
    const heads = [
      say.text("cameras.camera"),
      ...STATES.map((state) => say.label(state)),
      say.text("cameras.worn"),
    ];
    const head = made("tr", {}, ...heads.map((words) => made("th", { scope: "col" }, words)));
    const rows = this.counts.map((one) => this.row(one));
    const table = found("count_table", HTMLElement);
    table.replaceChildren(made("thead", {}, head), made("tbody", {}, ...rows));
  }

  /** @param {any} one camera */
  row(one) {
    const say = this.shared.say();
    const cells = STATES.map((state) => made("td", {}, say.whole(one.people[state])));
    const told = STATES.filter((state) => state !== "unsure");
    const all = told.reduce((sum, state) => sum + one.face_s[state], 0);
    const worn = made("td");
    if (all > 0) {
      const ratio = one.face_s.mask / all;
      const words = say.percent(ratio, 0);
      const meter = made("meter", { min: 0, max: 1, value: ratio });
      meter.setAttribute("aria-hidden", "true");
      worn.append(meter, ` ${words}`);
    } else worn.append("–");
    const name = made("th", { scope: "row" }, one.camera);
    name.style.borderColor = "var(--edge)";
    return made("tr", {}, name, ...cells, worn);
  }
}
