// The page: its words, its views, and the networks behind them.

import { Client } from "./client.js";
import { badge, found, write } from "./dom.js";
import { FilmView } from "./film.js";
import { STATES } from "./lib/schema.js";
import { LiveView } from "./live.js";
import { PhotosView } from "./photos.js";
import { chosenLanguage, json, languageButtons, loadCatalogues } from "./words.js";

const VIEWS = ["photos", "live", "film"];

const client = new Client();
const about = await json("about.json");
const ready = client.ask("start", { cards: about.cards });
const catalogues = await loadCatalogues(Object.keys(about.languages));
let say = chosenLanguage(catalogues, new URLSearchParams(location.search).get("lang"));
const shared = { client, ready, about, say: () => say, root: document };
const views = {
  photos: new PhotosView(shared),
  live: new LiveView(shared),
  film: new FilmView(shared),
};
const status = found("status", HTMLElement);
let stage = "networks.loading";
let why = "";

render();
show();
addEventListener("hashchange", show);
try {
  await ready;
  tell("web.ready");
  if (await keptForOffline()) tell("web.ready_offline");
} catch (error) {
  tell("networks.broken", error instanceof Error ? error.message : String(error));
}

/** Whether the page is kept for use without a network; after its files are in the browser's cache. */
async function keptForOffline() {
  if (!("serviceWorker" in navigator)) return false; // a page over plain HTTP
  try {
    await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
  } catch {
    return false; // a private window, or the browser's settings
  }
  await navigator.serviceWorker.ready;
  return true;
}

/** Says how far the networks are. @param {string} key @param {string} [reason] */
function tell(key, reason = "") {
  stage = key;
  why = reason;
  status.textContent = say.text(stage, { why });
}

/** Writes everything in the language of the moment. */
function render() {
  document.documentElement.lang = say.code;
  write(document, say);
  tell(stage, why);
  const { classifier, detector } = about.cards;
  found("networks", HTMLElement).textContent = [
    say.text("networks.model", { name: classifier.name, hash: classifier.sha256.slice(0, 12) }),
    say.text("networks.detector", { name: detector.name, hash: detector.sha256.slice(0, 12) }),
  ].join(" ");
  const badges = STATES.map((state) => badge(state, about.styles[state], say.label(state)));
  found("legend", HTMLElement).querySelector(".badges")?.replaceChildren(...badges);
  found("languages", HTMLElement).replaceChildren(...languageButtons(about.languages, say.code, speak));
  for (const view of Object.values(views)) view.render();
}

/** @param {string} code of a language */
function speak(code) {
  say = catalogues.get(code) ?? say;
  render();
}

/** Shows the view that the address names. */
function show() {
  const wish = location.hash.slice(1);
  const name = VIEWS.includes(wish) ? wish : VIEWS[0];
  for (const each of VIEWS) found(each, HTMLElement).hidden = each !== name;
  for (const link of found("views", HTMLElement).querySelectorAll("a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (name !== "live") views.live.stop();
  if (name !== "film") views.film.stop();
}
