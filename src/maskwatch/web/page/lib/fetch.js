// Files of the page's own host, unpacked and checked.

const KEPT = "maskwatch networks"; // where files are kept for the next visit

/**
 * The content of a file that lies there packed by gzip.
 * @param {URL} url
 * @param {string} [sha256] of the content, where it must be a certain one
 * @param {string} [keptAs] name of this very content, where the host tells browsers to keep nothing
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function fetchBytes(url, sha256, keptAs) {
  const fault = async (/** @type {ArrayBuffer} */ bytes) => {
    // pages over plain HTTP have no crypto.subtle, and no certain files either
    const differs = sha256 && isSecureContext && (await hash(bytes)) !== sha256;
    return differs ? "not the file that its card describes (sha256 differs)" : "";
  };
  return take((await recalled(keptAs)) ?? (await fetch(url)), url, fault, keptAs);
}

/**
 * What ONNX Runtime is to know of its WebAssembly: the address where it comes as such, as from the
 * service worker, since browsers keep compiled what they load by themselves; else the content.
 * @param {URL} url @param {string} [keptAs] as above
 */
export async function fetchWasm(url, keptAs) {
  const response = (await recalled(keptAs)) ?? (await fetch(url));
  if (response.headers.get("Content-Type") !== "application/wasm") {
    return { wasmBinary: (await take(response, url, notWasm, keptAs)).buffer };
  }
  await response.body?.cancel();
  return { wasmPaths: { wasm: url } };
}

/** What is wrong with something else in the place of WebAssembly, such as a page to sign in. @param {ArrayBuffer} bytes */
async function notWasm(bytes) {
  const begins = String.fromCharCode(...new Uint8Array(bytes).subarray(0, 4));
  return begins === "\0asm" ? "" : "no WebAssembly";
}

/**
 * The content of an answer, unpacked, checked and kept.
 * @param {Response} response @param {URL} url
 * @param {(bytes: ArrayBuffer) => Promise<string>} fault of it, "" for none @param {string} [keptAs]
 */
async function take(response, url, fault, keptAs) {
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  const content = await response.arrayBuffer();
  const bytes = await unpacked(content);
  const why = await fault(bytes);
  if (why) {
    if (keptAs) await (await openCache())?.delete(place(keptAs)); // kept unchecked by an earlier version
    throw new Error(`${url}: ${why}`);
  }
  await keep(keptAs, content);
  return new Uint8Array(bytes);
}

/** What was kept under this name. @param {string} [name] */
async function recalled(name) {
  return name ? (await openCache())?.match(place(name)) : undefined;
}

/** Keeps it, if there is room and it is not kept yet. @param {string | undefined} name @param {ArrayBuffer} content */
async function keep(name, content) {
  if (!name || (await recalled(name))) return;
  await (await openCache())?.put(place(name), new Response(content)).catch(() => undefined);
}

/** @param {string} name */
function place(name) {
  return new URL(`/${name}`, origin);
}

/** Forgets what earlier versions kept. @param {string[]} names that stay */
export async function forgetOthers(names) {
  const cache = await openCache();
  for (const { url } of (await cache?.keys()) ?? []) {
    if (!names.some((name) => url.endsWith(`/${name}`))) await cache?.delete(url);
  }
}

/** Null where a browser keeps nothing: plain HTTP, or a private window. */
async function openCache() {
  return "caches" in self ? caches.open(KEPT).catch(() => null) : null;
}

/** @param {ArrayBuffer} content */
async function unpacked(content) {
  const [first, second] = new Uint8Array(content);
  // some hosts declare such files as packed, and then the browser has unpacked them already
  if (first !== 0x1f || second !== 0x8b) return content;
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** @param {ArrayBuffer} bytes */
async function hash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
