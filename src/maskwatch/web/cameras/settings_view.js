// What owners set: zones of a camera, drawn over a still, and the hours of a rule.

import { set } from "./asking.js";
import { found, made } from "./dom.js";
import { Drawing } from "./drawing.js";
import { options } from "./events_view.js";

/** @typedef {import("./now_view.js").Shared} Shared */
/** @typedef {import("./drawing.js").Zone} Zone */

const KINDS = ["include", "ignore"];

export class SettingsView {
  /** @param {Shared} shared */
  constructor(shared) {
    this.shared = shared;
    /** @type {Zone[]} of the camera that is chosen */
    this.zones = [];
    this.drawing = new Drawing(found("drawing", HTMLCanvasElement), () => {
      this.shared.fail(null); // what was said was of the last zone
      this.render();
    });
    found("zone_camera", HTMLElement).addEventListener("change", () => this.choose());
    found("new_still", HTMLElement).addEventListener("click", () => this.fetchStill());
    found("undo", HTMLElement).addEventListener("click", () => this.drawing.undo());
    found("zone_form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
    found("rule", HTMLElement).addEventListener("change", () => this.chooseRule());
    found("hours_form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.saveHours();
    });
  }

  open() {
    this.render();
    this.choose();
    this.chooseRule();
  }

  close() {
    this.drawing.clear();
  }

  render() {
    const say = this.shared.say();
    const { cameras, rules } = this.shared.known();
    options("zone_camera", cameras.map((/** @type {any} */ one) => [one.name, one.name]));
    options("rule", rules.map((/** @type {any} */ one) => [one.name, one.name]));
    options("zone_kind", KINDS.map((kind) => [kind, say.text(`cameras.kinds.${kind}`)]));
    found("hours_form", HTMLElement).hidden = !rules.length;
    found("no_rule", HTMLElement).hidden = rules.length > 0;
    found("drawing", HTMLElement).setAttribute("aria-label", say.text("cameras.drawing"));
    found("save_zone", HTMLButtonElement).disabled = this.drawing.corners.length < 3;
    found("undo", HTMLButtonElement).disabled = !this.drawing.corners.length;
    const corners = say.text("cameras.corners", { n: this.drawing.corners.length });
    found("drawing_said", HTMLElement).textContent = this.drawing.hasPicture
      ? corners
      : say.text("cameras.no_picture");
    found("zone_list", HTMLElement).replaceChildren(...this.zones.map((zone) => this.line(zone)));
  }

  /** @param {Zone} zone */
  line(zone) {
    const say = this.shared.say();
    const button = made("button", { type: "button" }, say.text("cameras.remove"));
    button.setAttribute("aria-label", say.text("cameras.remove_zone", { name: zone.name }));
    button.addEventListener("click", () => this.saveZones(this.zones.filter((one) => one !== zone)));
    return made("li", {}, `${zone.name} (${say.text(`cameras.kinds.${zone.kind}`)}) `, button);
  }

  /** The camera that is chosen, as the server knows it. */
  get camera() {
    const name = found("zone_camera", HTMLSelectElement).value;
    return this.shared.known().cameras.find((/** @type {any} */ one) => one.name === name);
  }

  choose() {
    this.drawing.clear();
    this.put(this.camera.zones);
    this.fetchStill();
  }

  /** @param {Zone[]} zones */
  put(zones) {
    this.zones = zones;
    this.drawing.zones = zones;
    this.drawing.paint();
    this.render();
  }

  async fetchStill() {
    try {
      await this.drawing.fetch(this.camera.name);
      this.shared.fail(null);
    } catch (error) {
      this.shared.fail(error);
    }
    this.render();
  }

  /** What was drawn becomes a zone. */
  async add() {
    const name = found("zone_name", HTMLInputElement).value.trim();
    const kind = found("zone_kind", HTMLSelectElement).value;
    const zone = { name, kind, polygon_xy: this.drawing.corners };
    if (!(await this.saveZones([...this.zones, zone]))) return; // to be put right
    this.drawing.corners = [];
    this.put(this.zones);
    found("zone_name", HTMLInputElement).value = "";
  }

  /** Whether the zones of the camera are these from now on. @param {Zone[]} zones */
  async saveZones(zones) {
    const camera = this.camera;
    const saved = await this.save("api/zones", { camera: camera.name, zones });
    if (saved) {
      camera.zones = zones;
      this.put(zones);
    }
    return saved;
  }

  get rule() {
    const name = found("rule", HTMLSelectElement).value;
    return this.shared.known().rules.find((/** @type {any} */ one) => one.name === name);
  }

  chooseRule() {
    const hours = this.rule?.hours;
    found("weekly", HTMLTextAreaElement).value = hours?.weekly.join("\n") ?? "";
    found("holidays", HTMLTextAreaElement).value = hours?.holidays.join("\n") ?? "";
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    found("time_zone", HTMLInputElement).value = hours ? hours.time_zone : here;
  }

  async saveHours() {
    const rule = this.rule;
    const weekly = lines("weekly");
    const hours = weekly.length
      ? { weekly, time_zone: found("time_zone", HTMLInputElement).value.trim(), holidays: lines("holidays") }
      : null;
    if (await this.save("api/hours", { rule: rule.name, hours })) rule.hours = hours;
  }

  /** Saves, and says what became of it. @param {string} path @param {unknown} values */
  async save(path, values) {
    try {
      await set(path, values);
    } catch (error) {
      this.shared.fail(error);
      return false;
    }
    const said = found("said", HTMLElement);
    said.hidden = false;
    said.textContent = this.shared.say().text("cameras.saved");
    return true;
  }
}

/** The lines of a field that are not empty. @param {string} id */
function lines(id) {
  const text = found(id, HTMLTextAreaElement).value;
  return text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
}
