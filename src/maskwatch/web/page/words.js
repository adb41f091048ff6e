// A page's words in all its languages, and the one that is chosen.

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
export function keepLanguage(code) {
  try {
    localStorage.setItem(LANGUAGE, code);
  } catch {
    // no room, or not allowed: it holds for this visit
  }
}
