// Takes the place of the worker that another page of MaskWatch left in this browser, and goes.
//
// The page that judges in the browser keeps itself for use without a network. Where it was at this
// address before, its worker would show that page for ever.

const successor = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

successor.addEventListener("install", (event) => event.waitUntil(successor.skipWaiting()));
successor.addEventListener("activate", (event) => event.waitUntil(leave()));

async function leave() {
  const names = await caches.keys();
  const theirs = `maskwatch ${successor.registration.scope} `; // other folders' pages stay
  const left = names.filter((each) => each.startsWith(theirs));
  await Promise.all(left.map((each) => caches.delete(each)));
  await successor.registration.unregister();
  const shown = await successor.clients.matchAll({ type: "window" });
  await Promise.all(shown.map((client) => client.navigate(client.url)));
}
