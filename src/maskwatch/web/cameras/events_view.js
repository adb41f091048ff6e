// Events: when somebody's state at a camera has changed, filtered, with pictures for owners.

import { newest, picture, told } from "./asking.js";
import { correcting } from "./correcting.js";
import { badge, found, made } from "./dom.js";
import { STATES } from "./lib/schema.js";

/** @typedef {import("./now_view.js").Shared} Shared */

const MOST = 100; // that one answer holds

export class EventsView {
  /** @param {Shared} shared */
  constructor(shared) {
    this.shared = shared;
    /** @type {any[]} newest first */
    this.events = [];
    /** @type {Map<string, string>} addresses of pictures by the number of the event */
    this.pictures = new Map();
    this.asking = newest();
    /** @type {IntersectionObserver} */
    this.seen = new IntersectionObserver((entries) => this.fill(entries));
    for (const id of ["event_camera", "event_state"]) {
      found(id, HTMLSelectElement).addEventListener("change", () => this.leaveOne());
    }
    found("older", HTMLElement).addEventListener("click", () => this.look(true));
  }

  open() {
    this.render();
    this.look(false);
  }

  close() {
    this.asking(); // what is still on its way is of no use
    this.events = [];
    for (const address of this.pictures.values()) URL.revokeObjectURL(address);
    this.pictures.clear();
    found("event_list", HTMLElement).replaceChildren();
  }

  render() {
    const say = this.shared.say();
    const { cameras, picture: kind, keep_days: days } = this.shared.known();
    const names = cameras.map((/** @type {any} */ one) => [one.name, one.name]);
    options("event_camera", [["", say.text("cameras.all")], ...names]);
    const states = STATES.map((state) => [state, say.label(state)]);
    options("event_state", [["", say.text("cameras.all")], ...states]);
    const kept = kind === null ? "cameras.no_pictures" : "cameras.pictures_kept";
    found("kept", HTMLElement).textContent = say.text(kept, { days: String(days) });
    this.write();
  }

  /** A filter was set: the one event that an address named is no longer meant. */
  leaveOne() {
    if (location.hash.startsWith("#event=")) location.hash = "#events";
    else this.look(false);
  }

  /** @param {boolean} older whether to go on after the last one */
  async look(older) {
    const isNewest = this.asking();
    if (!older) found("older", HTMLElement).hidden = true; // the list may be of another filter
    const last = this.events.at(-1);
    const values = Object.entries({
      camera: found("event_camera", HTMLSelectElement).value,
      state: found("event_state", HTMLSelectElement).value,
      event: location.hash.startsWith("#event=") ? location.hash.slice("#event=".length) : "",
      before: older && last ? String(last.time_s) : "",
      before_event: older && last ? last.id : "",
    });
    try {
      const more = await told("api/events", Object.fromEntries(values.filter(([, value]) => value)));
      if (!isNewest()) return;
      this.events = older ? [...this.events, ...more] : more;
      found("older", HTMLElement).hidden = more.length < MOST;
      this.write();
      this.shared.fail(null);
    } catch (error) {
      if (isNewest()) this.shared.fail(error);
    }
  }

  write() {
    found("no_event", HTMLElement).hidden = this.events.length > 0;
    this.seen.disconnect();
    found("event_list", HTMLElement).replaceChildren(...this.events.map((one) => this.card(one)));
  }

  /** @param {any} event */
  card(event) {
    const say = this.shared.say();
    const time = new Date(event.time_s * 1000);
    // of the language's countries that of the browser, which writes dates in another order
    const place = navigator.languages.find((tag) => tag.split("-")[0] === say.code) ?? say.code;
    const text = time.toLocaleString(place, { dateStyle: "medium", timeStyle: "medium" });
    const values = { state: say.label(event.old_state), seconds: say.number(event.old_duration_s) };
    const card = made(
      "li",
      { className: "card" },
      made("h2", {}, event.camera),
      made("p", { className: "small" }, made("time", { dateTime: time.toISOString() }, text)),
      badge(event.new_state, this.shared.styles[/** @type {"mask"} */ (event.new_state)], say.label(event.new_state)),
      made("p", { className: "small" }, say.text("cameras.before", values)),
    );
    if (event.picture && this.shared.isOwner()) {
      const alt = say.text("cameras.picture_of", { camera: event.camera, time: text });
      const image = made("img", { className: "event", alt });
      image.dataset.event = event.id;
      const address = this.pictures.get(event.id);
      if (address) image.src = address;
      card.append(image);
      this.seen.observe(card);
    }
    if (event.correctable || event.corrected) card.append(correcting(event, this.shared));
    return card;
  }

  /** Fetches the pictures of events that come into view. @param {IntersectionObserverEntry[]} entries */
  async fill(entries) {
    for (const { isIntersecting, target } of entries) {
      const image = target.querySelector("img");
      const id = image?.dataset.event;
      if (!isIntersecting || !image || !id || this.pictures.has(id)) continue;
      this.seen.unobserve(target);
      try {
        const address = await picture("api/picture", { event: id });
        if (!image.isConnected) {
          URL.revokeObjectURL(address ?? ""); // another card or view is in its place
          continue;
        }
        image.hidden = address === null; // its time is over
        if (address === null) continue;
        this.pictures.set(id, address);
        image.src = address;
      } catch (error) {
        if (image.isConnected) this.shared.fail(error);
      }
    }
  }
}

/** Fills a choice, and leaves it at what it was. @param {string} id @param {string[][]} values with their words */
export function options(id, values) {
  const select = found(id, HTMLSelectElement);
  const chosen = select.value;
  select.replaceChildren(...values.map(([value, words]) => made("option", { value }, words)));
  if (values.some(([value]) => value === chosen)) select.value = chosen;
}
