// A page's words in all its languages, and the one that is chosen.

import { made } from "./dom.js";
import { Catalogue } from "./lib/text.js";

const LANGUAGE = "maskwatch.language"; // where the choice is kept

/** A document of the page's own. @param {string} path */
export async function json(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** The words of each language. @param {string[]} codes @returns {Promise<Map<string, Catalogue>>} */
export async function loadCatalogues(codes) {
  const load = async (/** @type {string} */ code) =>
    /** @type {[string, Catalogue]} */ ([
      code,
      new Catalogue(code, await json(`words/${code}.json`)),
    ]);
  return new Map(await Promise.all(codes.map(load)));
}

/**
 * The language that was asked for, chosen before, or is the browser's; else English.
 * @param {Map<string, Catalogue>} catalogues @param {string | null} [asked]
 */
export function chosenLanguage(catalogues, asked = null) {
  const wishes = [
    asked,
    keptLanguage(),
    ...navigator.languages.map((tag) => tag.split("-")[0]),
    "en",
  ];
  const code = wishes.find((wish) => wish !== null && catalogues.has(wish));
  return /** @type {Catalogue} */ (catalogues.get(code ?? "en"));
}

/** What was chosen at an earlier visit. */
function keptLanguage() {
  try {
    return localStorage.getItem(LANGUAGE);
  } catch {
    return null; // the visitor lets pages keep nothing
  }
}

/** Keeps the choice for the next visit. @param {string} code */
function keepLanguage(code) {
  try {
    localStorage.setItem(LANGUAGE, code);
  } catch {
    // no room, or not allowed: it holds for this visit
  }
}

/**
 * A button for each language, which keeps the choice.
 * @param {Record<string, string>} names by the language's code
 * @param {string} chosen @param {(code: string) => void} speak writes the page anew
 */
export function languageButtons(names, chosen, speak) {
  return Object.entries(names).map(([code, name]) => {
    const button = made("button", { type: "button", lang: code }, name);
    button.setAttribute("aria-pressed", String(code === chosen));
    button.addEventListener("click", () => {
      keepLanguage(code);
      speak(code);
      const again = document.querySelector(`#languages [lang=${code}]`);
      if (again instanceof HTMLElement) again.focus(); // the button that had it is gone
    });
    return button;
  });
}
