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
  const cache = keptAs ? await openCache() : null;
  const key = new URL(`/${keptAs}`, url);
  const known = await cache?.match(key);
  const response = known ?? (await fetch(url));
  const copy = known || !cache ? null : response.clone();
  const bytes = await read(response, url);
  // pages over plain HTTP have no crypto.subtle, and no certain files either
  if (sha256 && isSecureContext && (await hash(bytes)) !== sha256) {
    throw new Error(`${url}: not the file that its card describes (sha256 differs)`);
  }
  if (copy) await cache?.put(key, copy).catch(() => undefined); // no room
  return new Uint8Array(bytes);
}

/**
 * What ONNX Runtime is to know of its WebAssembly: the address where it comes unpacked, as from the
 * service worker, since browsers keep compiled what they load by themselves; else the content.
 * @param {URL} url
 */
export async function fetchWasm(url) {
  const response = await fetch(url);
  if (response.headers.get("Content-Type") !== "application/wasm") {
    return { wasmBinary: await read(response, url) };
  }
  await response.body?.cancel();
  return { wasmPaths: { wasm: url } };
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

/** The content, unpacked. @param {Response} response @param {URL} url */
async function read(response, url) {
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  const bytes = await response.arrayBuffer();
  const [first, second] = new Uint8Array(bytes, 0, 2);
  // some hosts declare such files as packed, and then the browser has unpacked them already
  if (first !== 0x1f || second !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** @param {ArrayBuffer} bytes */
async function hash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
