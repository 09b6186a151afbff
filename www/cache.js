// The browser's store of files, which may fail in many ways.

/** Time limit for the browser's storage in milliseconds: sometimes it does not answer. */
const TIME_LIMIT = 5000;

/**
 * Uses the cache, if possible. Storage may be missing, full, forbidden or damaged: then the result is undefined.
 * @template T @param {string} name @param {(cache: Cache) => Promise<T>} use @param {number} [limit]
 * @returns {Promise<T | undefined>}
 */
export async function cached(name, use, limit = TIME_LIMIT) {
  const used = (async () => use(await caches.open(name)))().catch(() => undefined);
  return Promise.race([used, new Promise((resolve) => setTimeout(resolve, limit))]);
}
