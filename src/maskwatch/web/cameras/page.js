// The page of many cameras: its words, its key, its views.

import { Refused, keyring, told } from "./asking.js";
import { CountsView } from "./counts_view.js";
import { found } from "./dom.js";
import { EventsView } from "./events_view.js";
import { NowView } from "./now_view.js";
import { SettingsView } from "./settings_view.js";
import { chosenLanguage, json, languageButtons, loadCatalogues } from "./words.js";

const VIEWS = ["now", "events", "counts", "settings"];
const AGAIN_MS = 2000;

const about = await json("about.json");
const catalogues = await loadCatalogues(Object.keys(about.languages));
let say = chosenLanguage(catalogues);
/** @type {any} what the server says of the key and of what can be set */
let known = null;
const shared = {
  styles: about.styles,
  say: () => say,
  known: () => known,
  isOwner: () => known?.role === "owner",
  tell,
  fail,
  learn,
};
/** @type {Record<string, {render(): void, open(): void, close(): void}>} */
const views = {
  now: new NowView(shared),
  events: new EventsView(shared),
  counts: new CountsView(shared),
  settings: new SettingsView(shared),
};
let opened = "";
let again = 0; // the timer of the next attempt to enter
/** @type {Map<string, () => string>} what each notice says, in the language of the moment */
const notices = new Map();

render();
addEventListener("hashchange", open);
found("door", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  keyring.fill(found("key", HTMLInputElement).value.trim());
  enter();
});
if (keyring.filled) enter();
else shutOut("");

/** Asks what the key opens; again and again where the server cannot be reached. */
async function enter() {
  clearTimeout(again);
  try {
    known = await told("api/about");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      keyring.empty();
      shutOut("cameras.wrong_key");
      return;
    }
    if (found("door", HTMLElement).hidden) shutOut("");
    tell("door_said", () => say.text("cameras.gone"));
    clearTimeout(again); // another key may have been tried meanwhile
    again = setTimeout(() => keyring.filled && enter(), AGAIN_MS);
    return;
  }
  clearTimeout(again);
  found("door", HTMLElement).hidden = true;
  found("views", HTMLElement).hidden = false;
  const settings = document.querySelector('nav a[href="#settings"]');
  if (settings instanceof HTMLElement) settings.hidden = !shared.isOwner();
  render();
  open();
}

/** Asks anew what can be set, which another owner may have changed. */
async function learn() {
  const answer = await told("api/about");
  if (known !== null) known = answer; // the key still opens the page
}

/** Asks for a key. @param {string} why */
function shutOut(why) {
  known = null;
  if (opened) views[opened].close();
  opened = "";
  for (const id of ["views", ...VIEWS]) found(id, HTMLElement).hidden = true;
  tell("door_said", () => why && say.text(why));
  found("door", HTMLElement).hidden = false;
  const field = found("key", HTMLInputElement);
  field.value = "";
  field.focus();
}

/** Has a notice say something, or, with "", nothing. @param {string} id @param {() => string} words */
function tell(id, words) {
  notices.set(id, words);
  const notice = found(id, HTMLElement);
  notice.textContent = words();
  notice.hidden = !notice.textContent;
}

/** Says that a call has failed, or, with null, that it goes again. @param {unknown} error */
function fail(error) {
  if (error instanceof Refused && error.status === 401) {
    keyring.empty();
    shutOut("cameras.wrong_key");
    return;
  }
  tell("said", () => (error === null ? "" : failure(error)));
}

/** That a call has failed, and why. @param {unknown} error */
function failure(error) {
  const gone = error instanceof Refused && error.status === 0;
  return gone ? say.text("cameras.gone") : say.text("cameras.refused", { why: why(error) });
}

/** What has failed, in the language of the page as far as it has words for it. @param {unknown} error */
function why(error) {
  if (error instanceof Refused && error.kind in say.texts.cameras.problems) {
    return say.text(`cameras.problems.${error.kind}`);
  }
  return error instanceof Error ? error.message : String(error);
}

/** Shows the view that the address names; an event's number leads to the events. */
function open() {
  if (known === null) return;
  const wish = location.hash.startsWith("#event=") ? "events" : location.hash.slice(1);
  const allowed = VIEWS.includes(wish) && (wish !== "settings" || shared.isOwner());
  if (opened) views[opened].close();
  opened = allowed ? wish : "now";
  for (const id of VIEWS) {
    found(id, HTMLElement).hidden = id !== opened;
    const link = document.querySelector(`nav a[href="#${id}"]`);
    if (id === opened) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
  fail(null);
  scrollTo(0, 0);
  views[opened].open();
}

/** Writes everything in the language of the moment. */
function render() {
  document.documentElement.lang = say.code;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = say.text(element.getAttribute("data-text") ?? "");
  }
  found("languages", HTMLElement).replaceChildren(...languageButtons(about.languages, say.code, speak));
  for (const [id, words] of notices) tell(id, words);
  if (known !== null) for (const view of Object.values(views)) view.render();
}

/** @param {string} code of a language */
function speak(code) {
  say = catalogues.get(code) ?? say;
  render();
}
