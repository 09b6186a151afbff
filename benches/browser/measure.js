// Measures one library on one backend with one network; runs in the page.

import { median } from './median.js';
import { fitted, networks } from './networks.js';
import { read } from './safetensors.js';

/**
 * @typedef {{ library: 'decoy' | 'tfjs' | 'jax', backend: import('./networks.js').Backend, network: keyof typeof networks, batches: number[] }} Task
 * @typedef {{ forward: number | null, step: number | null, forwards: number[], steps: number[] }} Pace medians, and the single times, in ms
 * @typedef {{ name: string, version: string, threads?: number, open: number, load: number, first: number | null, refused?: string, paces: Record<number, Pace> }} Measured
 */

/** A measurement ends after this time, if it has at least `ENOUGH` values. */
const ENOUGH_MILLISECONDS = 1500;
const ENOUGH = 7;

/** The scripts of the libraries; npm run build bundles the others. @type {Record<Task['library'], string>} */
const libraries = { decoy: '/benches/browser/peers/decoy.js', tfjs: '/target/peers/tfjs.js', jax: '/target/peers/jax.js' };

/** Smooth patterns, different for each image. @param {number} size @param {number} batch */
function pattern(size, batch) {
  return Float32Array.from({ length: size * batch }, (_, index) => 0.5 + 0.5 * Math.sin(index * 0.37 + Math.floor(index / size)));
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The time of one pass, measured over several passes of `work`. @param {(passes: number) => Promise<unknown>} work */
async function pace(work) {
  const once = await timed(() => work(1)); // already warm; its time decides how many passes to take at once
  const passes = Math.max(1, Math.min(10, Math.floor(300 / once)));
  const times = passes === 1 ? [once] : [];
  while (times.length < ENOUGH && times.reduce((sum, time) => sum + time, 0) * passes < ENOUGH_MILLISECONDS) {
    times.push(await timed(() => work(passes)) / passes);
  }
  return times;
}

/** @param {Task} task */
async function opened({ library, backend, network: name }) {
  const network = networks[name];
  const tensors = fitted(network, read(await (await fetch(`/www/models/${network.model}.safetensors`)).arrayBuffer()));
  /** @type {import('./networks.js').Peer} */
  let peer;
  const open = await timed(async () => {
    peer = await (await import(libraries[library])).open(backend);
  });
  /** @type {import('./networks.js').Loaded} */
  let loaded;
  const load = await timed(async () => {
    loaded = await peer.load(network, tensors);
  });
  // @ts-expect-error Both are there now.
  return { peer, loaded, size: network.channels * network.side ** 2, open, load };
}

/** Logits and gradient of one picture. @param {Task} task */
export async function inspect(task) {
  const { loaded, size } = await opened(task);
  const { logits, gradient } = await loaded.gradient(pattern(size, 1), 1, [1]);
  return { logits: [...logits], gradient: [...gradient] };
}

/** @param {Task} task @returns {Promise<Measured>} */
export async function measure(task) {
  const { peer, loaded, size, open, load } = await opened(task);
  const { name, version, threads } = peer;
  /** @type {Measured} */
  const measured = { name, version, threads, open, load, first: null, paces: {} };
  for (const batch of task.batches) {
    const pixels = pattern(size, batch);
    const classes = Array.from({ length: batch }, () => 1);
    const step = (/** @type {number} */ count) => loaded.steps(pixels, batch, classes, 1 / 255, count);
    const forward = (/** @type {number} */ times) => loaded.forward(pixels, batch, times);
    /** @type {number[]} */
    let steps = [];
    try {
      const first = await timed(() => step(1));
      measured.first ??= first;
      steps = await pace(step);
    } catch (error) {
      measured.refused = String(error);
    }
    await forward(1);
    const forwards = await pace(forward);
    measured.paces[batch] = { forward: median(forwards), step: steps.length ? median(steps) : null, forwards, steps };
  }
  loaded.dispose();
  return measured;
}
