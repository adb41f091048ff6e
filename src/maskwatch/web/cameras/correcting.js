// "This is wrong": what the face of an event really shows, told by an owner and kept on the server.

import { set } from "./asking.js";
import { made } from "./dom.js";
import { STATES } from "./lib/schema.js";

/** @typedef {import("./now_view.js").Shared} Shared */

const NO_FACE = "no_face";

/** The part of an event's card that keeps what its face shows. @param {any} event @param {Shared} shared */
export function correcting(event, shared) {
  const said = made("p", { className: "small" });
  said.setAttribute("role", "status");
  const choice = made("div");
  const part = made("div", { className: "correcting" }, said, choice);
  const write = () => {
    const say = shared.say();
    said.textContent = event.corrected && say.text("cameras.face_kept", { label: label(event.corrected, shared) });
    if (event.corrected) choice.replaceChildren(undo(say.text("cameras.undo_kept"), keep));
    else choice.replaceChildren(...(event.correctable ? [question(shared, keep)] : []));
  };
  /** @param {string | null} shows null takes back what was kept */
  const keep = async (shows) => {
    try {
      await set("api/correction", { event: event.id, shows });
    } catch (error) {
      shared.fail(error);
      return;
    }
    shared.fail(null);
    event.corrected = shows;
    write();
    if (shows === null) said.textContent = shared.say().text("cameras.not_kept");
    const next = choice.querySelector("button, summary"); // what had the focus is gone
    if (next instanceof HTMLElement) next.focus();
  };
  write();
  return part;
}

/** @param {string} words @param {(shows: null) => void} keep */
function undo(words, keep) {
  const button = made("button", { type: "button" }, words);
  button.addEventListener("click", () => keep(null));
  return button;
}

/** What does the face show? @param {Shared} shared @param {(shows: string) => void} keep */
function question(shared, keep) {
  const say = shared.say();
  const days = String(shared.known().correction_days);
  const values = [...STATES, NO_FACE].map((value) => made("option", { value }, label(value, shared)));
  const select = made("select", { required: true }, made("option", { value: "" }, "–"), ...values);
  const form = made(
    "form",
    {},
    made("label", {}, made("span", {}, say.text("cameras.really_shows")), " ", select),
    made("p", { className: "small" }, say.text("cameras.wrong_explained", { days })),
    made("button", {}, say.text("cameras.keep_face")),
  );
  form.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    keep(select.value);
  });
  return made("details", {}, made("summary", {}, say.text("cameras.wrong")), form);
}

/** What a face shows, in words. @param {string} shows @param {Shared} shared */
function label(shows, shared) {
  const say = shared.say();
  if (shows === NO_FACE) return say.text("cameras.no_face");
  if (shows === "unsure") return say.text("cameras.nobody_can_tell");
  return say.label(/** @type {import("./lib/schema.js").MaskState} */ (shows));
}
