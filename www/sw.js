// The service worker: it caches the page's own files and the pictures that were shown, so that the page opens without a
// connection. On a host that sends no headers for it, it isolates the page, so that browsers let threads share memory.
// The page registers it as `sw.js?FOLDER`, with the folder of its version's files. A new version replaces
// the one before when no page of that version is open any more. Weights are cached by weights.js.

/** @typedef {Event & { waitUntil(done: Promise<unknown>): void }} Lasting */
/** @typedef {Event & { request: Request, respondWith(answer: Promise<Response>): void }} Asked */

const version = location.search.slice(1);
const page = new URL('./', location.href).href;

/** Start of our cache names. Other copies of the site may share the browser's storage, with other addresses here. */
const ours = `decoy ${page} `;
/** The cache of a version: all its files fit together. @param {string} folder */
const store = (folder) => caches.open(ours + folder);

self.addEventListener('install', (event) => /** @type {Lasting} */ (event).waitUntil(fill()));
self.addEventListener('activate', (event) => /** @type {Lasting} */ (event).waitUntil(takeOver()));
self.addEventListener('fetch', (event) => {
  const asked = /** @type {Asked} */ (event);
  const { request } = asked;
  if (request.method !== 'GET') return;
  const [address] = request.url.split(/[?#]/);
  // A page of the next version may be open before its own service worker is active.
  const folder = address.startsWith(page) && /^[0-9a-f]{16}(?=\/)/.exec(address.slice(page.length))?.[0];
  if (request.mode === 'navigate' && [page, `${page}index.html`].includes(address)) asked.respondWith(newest(request).then(isolated));
  else if (folder) asked.respondWith(request.destination === 'worker' ? once(request, folder).then(isolated) : once(request, folder));
});

/** Caches the page and its files, all or none. The page itself requests the module that it uses. */
async function fill() {
  const cache = await store(version);
  const answer = await fetch(page, { cache: 'no-cache' });
  if (!(await answer.clone().text()).includes(version)) throw new Error('The page has been renewed meanwhile.');
  /** @type {string[]} */
  const files = await (await fetch(`${page}${version}/files.json`)).json();
  const all = files.filter((file) => !file.startsWith('pkg/')).map((file) => `${page}${version}/${file}`);
  await Promise.all([cache.put(page, answer), cache.addAll(all)]);
}

/** Deletes the caches of older versions, and takes control of open pages. */
async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(ours) && name !== ours + version).map((name) => caches.delete(name)));
  await /** @type {any} */ (self).clients.claim();
}

/** The current page from the site; without a connection, the cached one. @param {Request} request */
async function newest(request) {
  return fetch(request).catch(async (error) => (await (await store(version)).match(page)) ?? Promise.reject(error));
}

/** The same answer with the headers that isolate a page and its workers from other sites. @param {Response} answer */
function isolated(answer) {
  if (!answer.body || answer.redirected) return answer;
  const headers = new Headers(answer.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

/** Files that never change are fetched once. @param {Request} request @param {string} folder */
async function once(request, folder) {
  const cache = await store(folder);
  const kept = await cache.match(request.url);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request.url, answer.clone()).catch(() => {}); // the storage may be full
  return answer;
}
