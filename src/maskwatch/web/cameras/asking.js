// Calls to the server, with the key that the visitor has typed; it is kept until the tab is closed.

const KEPT = "maskwatch.key";

/** The server says no: the key opens nothing, a setting is wrong, or it cannot be reached. */
export class Refused extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {string} kind what the server calls it @param {string} detail for a person, in English
   */
  constructor(status, kind, detail) {
    super(detail);
    this.status = status;
    this.kind = kind;
  }
}

/** The key; at first that of the tab before it was loaded again. */
let key = inTab((tab) => tab.getItem(KEPT));

export const keyring = {
  /** Whether there is a key to try. */
  get filled() {
    return key !== null;
  },
  /** @param {string} typed */
  fill(typed) {
    key = typed;
    inTab((tab) => tab.setItem(KEPT, typed));
  },
  empty() {
    key = null;
    inTab((tab) => tab.removeItem(KEPT));
  },
};

/** What the tab's memory gives; null where the browser lets pages keep nothing. @template T @param {(tab: Storage) => T} use */
function inTab(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

/**
 * Who asks last is shown: each call begins to ask, and gives what tells whether nobody has since.
 * @returns {() => () => boolean}
 */
export function newest() {
  let asked = 0;
  return () => {
    const mine = ++asked;
    return () => mine === asked;
  };
}

/** One call. @param {string} path @param {RequestInit} [options] */
async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${key ?? ""}` };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "", "");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const { type = "", detail = response.status } = problem;
  throw new Refused(response.status, type, String(detail));
}

/** What a call answers. @param {string} path @param {Record<string, string>} [values] */
export async function told(path, values = {}) {
  return (await ask(`${path}?${new URLSearchParams(values)}`)).json();
}

/** A picture as an address for an element; null where there is none. @param {string} path @param {Record<string, string>} values */
export async function picture(path, values) {
  const response = await ask(`${path}?${new URLSearchParams(values)}`);
  return response.status === 204 ? null : URL.createObjectURL(await response.blob());
}

/** Sets something. @param {string} path @param {unknown} values */
export async function set(path, values) {
  await ask(path, { method: "PUT", body: JSON.stringify(values) });
}

/** Shows a picture in the place of the last one. @param {HTMLImageElement} image @param {string} address */
export function show(image, address) {
  const last = image.src;
  image.src = address;
  if (last.startsWith("blob:")) URL.revokeObjectURL(last);
}
