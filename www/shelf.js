// The user's own networks that this browser stores, if the user wants it: their files, and the options for reading them.

import { cached } from './cache.js';

/** @typedef {import('../pkg/decoy.js').OwnOptions} OwnOptions */
/** @typedef {{ options: OwnOptions, files: Map<string, Blob> }} Shelf the files by their names, in the order of the dial */

const CACHE = 'decoy-own';

/** Time limit for storing large files, in milliseconds. */
const LONGEST = 120_000;

/** The address of a file in the browser's cache; there is no such file on the site. @param {string} name */
const place = (name) => new URL(`../own/${encodeURIComponent(name)}`, import.meta.url).href;
const LIST = place('list.json');

/** The stored networks; undefined if there are none or they cannot be read. @returns {Promise<Shelf | undefined>} */
export const read = () => cached(CACHE, async (cache) => {
  const list = await cache.match(LIST);
  if (!list) return undefined;
  const { options, names } = await list.json();
  /** @type {Shelf['files']} */
  const files = new Map();
  for (const name of names) files.set(name, await /** @type {Response} */ (await cache.match(place(name))).blob());
  return { options, files };
});

/** Stores these networks instead of those before, which stay if that fails. @param {Shelf} shelf @returns {Promise<boolean>} whether the browser could store them */
export async function write({ options, files }) {
  const names = [...files.keys()];
  const wanted = new Set([LIST, ...names.map(place)]);
  const written = await cached(CACHE, async (cache) => {
    for (const [name, file] of files) await cache.put(place(name), new Response(file));
    await cache.put(LIST, Response.json({ options, names }));
    for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
    return true;
  }, LONGEST);
  return written === true;
}

/** Deletes all stored networks. */
export const clear = () => cached(CACHE, () => caches.delete(CACHE));
