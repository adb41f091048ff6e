// What owners set: zones of a camera, drawn over a still, and the hours of a rule.

import { newest, set } from "./asking.js";
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
    /** @type {Promise<unknown>} until everything that was asked for is done */
    this.last = Promise.resolve();
    this.opening = newest();
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

  async open() {
    const isNewest = this.opening();
    const section = found("settings", HTMLElement);
    section.hidden = true; // until it can show what other owners have set meanwhile
    await this.inTurn(() => this.shared.learn());
    if (!isNewest()) return;
    section.hidden = false;
    this.render();
    this.choose();
    this.chooseRule();
  }

  close() {
    this.opening();
    this.drawing.clear();
  }

  render() {
    if (this.shared.known() === null) return; // the key opens nothing any more
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
    button.addEventListener("click", () =>
      this.saveZones((all) => all.filter(({ name }) => name !== zone.name)),
    );
    return made("li", {}, `${zone.name} (${say.text(`cameras.kinds.${zone.kind}`)}) `, button);
  }

  /** The camera that is chosen, as the server knows it. */
  get camera() {
    const name = found("zone_camera", HTMLSelectElement).value;
    return named(this.shared.known()?.cameras, name);
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
    this.shared.fail(null); // not once it is there: something may have been saved by then
    try {
      await this.drawing.fetch(this.camera.name);
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
    found("save_zone", HTMLButtonElement).disabled = true; // pressed twice it is still one zone
    const saved = await this.saveZones((all) => [...all, zone]);
    // refused it is to be put right, and of another zone that was begun meanwhile nothing is lost
    if (saved && this.drawing.corners === zone.polygon_xy) {
      this.drawing.corners = [];
      this.drawing.paint();
      found("zone_name", HTMLInputElement).value = "";
    }
    this.render();
  }

  /**
   * Changes the zones of the camera, as they are once all before is saved; whether that went well.
   * @param {(all: Zone[]) => Zone[]} change
   */
  saveZones(change) {
    const { name } = this.camera;
    return this.inTurn(async () => {
      await this.shared.learn(); // another owner may have set some
      const camera = named(this.shared.known()?.cameras, name);
      const zones = change(camera.zones);
      await this.save("api/zones", { camera: name, zones });
      camera.zones = zones;
      if (this.camera === camera) this.put(zones);
    });
  }

  get rule() {
    return named(this.shared.known()?.rules, found("rule", HTMLSelectElement).value);
  }

  chooseRule() {
    const hours = this.rule?.hours;
    found("weekly", HTMLTextAreaElement).value = hours?.weekly.join("\n") ?? "";
    found("holidays", HTMLTextAreaElement).value = hours?.holidays.join("\n") ?? "";
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    found("time_zone", HTMLInputElement).value = hours ? hours.time_zone : here;
  }

  saveHours() {
    const { name } = this.rule;
    const weekly = lines("weekly");
    const hours = weekly.length
      ? { weekly, time_zone: found("time_zone", HTMLInputElement).value.trim(), holidays: lines("holidays") }
      : null;
    this.inTurn(async () => {
      await this.save("api/hours", { rule: name, hours });
      named(this.shared.known()?.rules, name).hours = hours;
    });
  }

  /** Does this once all before is done, and says whether it went well. @param {() => Promise<void>} task */
  inTurn(task) {
    const done = this.last.then(task).then(
      () => true,
      (error) => {
        this.shared.fail(error);
        return false;
      },
    );
    this.last = done;
    return done;
  }

  /** Saves, and says so. @param {string} path @param {unknown} values */
  async save(path, values) {
    await set(path, values);
    this.shared.tell("said", () => this.shared.say().text("cameras.saved"));
  }
}

/** @param {any[] | undefined} all @param {string} name */
function named(all, name) {
  return all?.find((one) => one.name === name);
}

/** The lines of a field that are not empty. @param {string} id */
function lines(id) {
  const text = found(id, HTMLTextAreaElement).value;
  return text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
}
