// The user's own networks that this browser stores, if the user wants it: their files, and the options for reading them.

import { cached } from './cache.js';

/** @typedef {import('../pkg/decoy.js').OwnOptions} OwnOptions */
/** @typedef {{ name: string, file: Blob, options: OwnOptions }} Stored */

const CACHE = 'decoy-own';

/** Time limit for storing large files, in milliseconds. */
const LONGEST = 120_000;

/** The address of a file in the browser's cache; there is no such file on the site. @param {string} name */
const place = (name) => new URL(`../own/${encodeURIComponent(name)}`, import.meta.url).href;
const LIST = place('list.json');

/** The stored networks in the order of the dial; undefined if there are none or they cannot be read. @returns {Promise<Stored[] | undefined>} */
export const read = () => cached(CACHE, async (cache) => {
  const list = await cache.match(LIST);
  if (!list) return undefined;
  /** @type {Stored[]} */
  const stored = [];
  for (const { name, options } of await list.json()) {
    stored.push({ name, options, file: await /** @type {Response} */ (await cache.match(place(name))).blob() });
  }
  return stored;
});

/** Stores these networks instead of those before, which stay if that fails. @param {Stored[]} networks @returns {Promise<boolean>} whether the browser could store them */
export async function write(networks) {
  const wanted = new Set([LIST, ...networks.map(({ name }) => place(name))]);
  const written = await cached(CACHE, async (cache) => {
    for (const { name, file } of networks) await cache.put(place(name), new Response(file));
    await cache.put(LIST, Response.json(networks.map(({ name, options }) => ({ name, options }))));
    for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
    return true;
  }, LONGEST);
  return written === true;
}

/** Deletes all stored networks. */
export const clear = () => cached(CACHE, () => caches.delete(CACHE));
