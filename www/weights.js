// The weights of a network: fetched once, with progress, and kept by the browser for the next visit and for offline use.

import { gone } from './renew.js';

/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */

const CACHE = 'decoy-weights';

/** The browser's store does not answer at times; the network is waited for longer. */
const PATIENCE = 5000;

/** Where the weights are: beside the folder of the page's own files, where another checksum is another address, or in a file of a person's own. @param {ModelEntry} entry */
export const address = ({ file, sha256 }) => (file.startsWith('blob:') ? file : new URL(`../models/${file}?sha256=${sha256}`, import.meta.url).href);

/** What the browser has kept, if it has and can read it. @param {ModelEntry} entry @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} */
export const kept = (entry) => cached(async (cache) => {
  const response = await cache.match(address(entry));
  return response && new Uint8Array(await response.arrayBuffer());
});

/** Keeps the weights, in place of an older version of them. @param {ModelEntry} entry @param {Uint8Array<ArrayBuffer>} weights */
export async function keep(entry, weights) {
  await forget(entry);
  await cached((cache) => cache.put(address(entry), new Response(weights)));
}

/** @param {ModelEntry} entry */
export const forget = (entry) => cached((cache) => cache.delete(address(entry), { ignoreSearch: true }));

/**
 * A browser may have no such store, or no room in it, or forbid it, or have lost its files: then every visit fetches.
 * @template T @param {(cache: Cache) => Promise<T>} use @returns {Promise<T | undefined>}
 */
async function cached(use) {
  const used = (async () => use(await caches.open(CACHE)))().catch(() => undefined);
  return Promise.race([used, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}

/** The weights of a network on their way. */
export class Download {
  /** Bytes that are here. */
  received = 0;
  /** Called when there are more of them. */
  onArrival = () => {};
  #stop = new AbortController();

  /** @param {ModelEntry} entry */
  constructor(entry) {
    this.weights = this.#fetch(entry);
    this.weights.catch(() => {}); // told where they are waited for
  }

  /** Gives up. @param {Error} reason */
  stop(reason) {
    this.#stop.abort(reason);
  }

  /** @param {ModelEntry} entry @returns {Promise<Uint8Array<ArrayBuffer>>} */
  async #fetch(entry) {
    const { signal } = this.#stop;
    const stopped = () => {
      return signal.aborted ? signal.reason : new Error('This network could not be fetched. Are you offline? Networks that were fetched before still work.');
    };
    const response = await fetch(address(entry), { signal }).catch(() => Promise.reject(stopped()));
    if (!response.ok || !response.body) throw gone(`This network’s file, ${entry.file}, is missing on this site (status ${response.status}).`);
    const weights = new Uint8Array(entry.bytes);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch(() => Promise.reject(stopped()));
      if (done && this.received === entry.bytes) return weights;
      if (done || this.received + value.length > entry.bytes) throw damaged();
      weights.set(value, this.received);
      this.received += value.length;
      this.onArrival();
    }
  }
}

export const damaged = () => gone('This network’s file arrived incomplete or damaged.');
