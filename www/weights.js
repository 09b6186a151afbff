// The weights of a network: fetched once, with progress, and cached by the browser for later visits and offline use.

import { cached } from './cache.js';
import { address, isOwnFile } from './contents.js';
import { gone } from './renew.js';

/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */

const CACHE = 'decoy-weights';

/** The address of the weights: beside the folder of the page's files, with their checksum, or the user's own file. @param {ModelEntry} entry */
const addressOf = (entry) => (isOwnFile(entry) ? entry.file : address(`../models/${entry.file}?sha256=${entry.sha256}`));

/** The cached weights; undefined if there are none or they cannot be read. @param {ModelEntry} entry @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} */
export const kept = (entry) => cached(CACHE, async (cache) => {
  const response = await cache.match(addressOf(entry));
  return response && new Uint8Array(await response.arrayBuffer());
});

/** Caches the weights, and removes an older version. @param {ModelEntry} entry @param {Uint8Array<ArrayBuffer>} weights */
export async function cacheWeights(entry, weights) {
  await forget(entry);
  await cached(CACHE, (cache) => cache.put(addressOf(entry), new Response(weights)));
}

/** @param {ModelEntry} entry */
export const forget = (entry) => cached(CACHE, (cache) => cache.delete(addressOf(entry), { ignoreSearch: true }));

/** A download of a network's weights. */
export class Download {
  /** Bytes received. */
  received = 0;
  /** Called when more bytes have arrived. */
  onArrival = () => {};
  #stop = new AbortController();

  /** @param {ModelEntry} entry */
  constructor(entry) {
    this.weights = this.#fetch(entry);
    this.weights.catch(() => {}); // reported where they are awaited
  }

  /** Stops the download. @param {Error} reason */
  stop(reason) {
    this.#stop.abort(reason);
  }

  /** @param {ModelEntry} entry @returns {Promise<Uint8Array<ArrayBuffer>>} */
  async #fetch(entry) {
    const { signal } = this.#stop;
    const stopped = () => {
      return signal.aborted ? signal.reason : new Error('This network could not be fetched. Are you offline? Networks that were fetched before still work.');
    };
    const response = await fetch(addressOf(entry), { signal }).catch(() => Promise.reject(stopped()));
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
