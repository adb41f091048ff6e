// Keeps the page for use without a network, and lets nothing ask another host.

importScripts("./files.js"); // a new version of any file is a new name in there

const worker = /** @type {ServiceWorkerGlobalScope & {BUNDLE: {name: string, files: Record<string, string>}}} */ (
  /** @type {unknown} */ (self)
);
const { name: version, files } = worker.BUNDLE;
const scope = worker.registration.scope;
const ours = `maskwatch ${scope} `; // another folder of the same host may hold a page of its own
const kept = ours + version;

worker.addEventListener("install", (event) => event.waitUntil(keep()));
worker.addEventListener("activate", (event) => event.waitUntil(tidy()));
worker.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  const foreign = origin !== location.origin;
  // nothing else of this host is the page's business
  if (!foreign && (!(origin + pathname).startsWith(scope) || event.request.method !== "GET")) return;
  event.respondWith(foreign ? Response.error() : answer(event.request));
});

async function keep() {
  const cache = await caches.open(kept);
  // a file of another version, as while a host gets a new page, is refused: the next visit tries again
  const wanted = Object.entries(files);
  await cache.addAll(wanted.map(([file, integrity]) => new Request(file, { cache: "no-cache", integrity })));
  await unpack(cache, "ort/ort-wasm-simd-threaded.wasm.gz");
  await worker.skipWaiting();
}

/** Keeps WebAssembly such that browsers can load it by themselves, and keep it compiled. @param {Cache} cache @param {string} file */
async function unpack(cache, file) {
  const packed = await cache.match(file);
  const stream = packed?.body?.pipeThrough(new DecompressionStream("gzip"));
  const headers = { "Content-Type": "application/wasm" };
  try {
    await cache.put(file, new Response(stream, { headers }));
  } catch {
    // no room, or the host unpacks it by itself: it stays as it is
  }
}

async function tidy() {
  const names = await caches.keys();
  const old = names.filter((each) => each.startsWith(ours) && each !== kept);
  await Promise.all(old.map((each) => caches.delete(each)));
}

/** What is kept; an address may ask for a language. @param {Request} request */
async function answer(request) {
  const cache = await caches.open(kept);
  const found = await cache.match(request, { ignoreSearch: true });
  // hosts that send index.html on to the folder: browsers show no page that was sent on
  if (found?.redirected) return new Response(found.body, found);
  return found ?? fetch(request);
}
