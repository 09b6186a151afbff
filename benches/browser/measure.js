// Measures one library on one backend with one network; runs in a worker, since the page's own thread may not wait for others.

import { median } from './median.js';
import { fitted, networks } from './networks.js';
import { read } from './safetensors.js';

/**
 * @typedef {{ library: 'decoy' | 'ort' | 'tfjs' | 'jax', backend: import('./networks.js').Backend, threads?: number, network: keyof typeof networks, batches: number[] }} Task `threads` where the library is told
 * @typedef {{ forward: number | null, step: number | null, forwards: number[], steps: number[] }} Pace medians, and the single times, in ms
 * @typedef {{ name: string, version: string, threads?: number, open: number, load: number, first: number | null, refused?: string, paces: Record<number, Pace> }} Measured
 */

/** Work is repeated for this time first, so that what runs often has been compiled to fast code. */
const WARM_MILLISECONDS = 1000;
/** A measurement ends after this time, if it has at least `ENOUGH` values. */
const ENOUGH_MILLISECONDS = 1500;
const ENOUGH = 7;

/** The scripts of the libraries; npm run build bundles the last two. @type {Record<Task['library'], string>} */
const libraries = { decoy: '/benches/browser/peers/decoy.js', ort: '/benches/browser/peers/ort.js', tfjs: '/target/peers/tfjs.js', jax: '/target/peers/jax.js' };

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
  let once = Infinity; // the least time, which decides how many passes to take at once
  const began = performance.now();
  do once = Math.min(once, await timed(() => work(1))); while (performance.now() - began < WARM_MILLISECONDS);
  const passes = Math.max(1, Math.min(10, Math.floor(300 / once)));
  const times = passes === 1 ? [once] : [];
  while (times.length < ENOUGH && times.reduce((sum, time) => sum + time, 0) * passes < ENOUGH_MILLISECONDS) {
    times.push(await timed(() => work(passes)) / passes);
  }
  return times;
}

/** @param {Task} task */
async function opened({ library, backend, threads, network: name }) {
  const network = networks[name];
  const tensors = network.layers.length > 0 ? fitted(network, read(await (await fetch(`/www/models/${network.model}.safetensors`)).arrayBuffer())) : new Map();
  /** @type {import('./networks.js').Peer} */
  let peer;
  const open = await timed(async () => {
    peer = await (await import(libraries[library])).open(backend, threads);
  });
  /** @type {import('./networks.js').Loaded} */
  let loaded;
  const load = await timed(async () => {
    loaded = await peer.load(network, tensors);
  });
  // @ts-expect-error Both are there now.
  return { network, peer, loaded, size: network.channels * network.side ** 2, open, load };
}

/** Logits and gradient of one picture; where a library has no gradient, why. @param {Task} task */
async function inspect(task) {
  const { network, loaded, size } = await opened(task);
  const pixels = pattern(size, 1);
  if (!network.steps) return { logits: [...await loaded.forward(pixels, 1, 1)] };
  try {
    const { logits, gradient } = await loaded.gradient(pixels, 1, [1]);
    return { logits: [...logits], gradient: [...gradient] };
  } catch (error) {
    return { logits: [...await loaded.forward(pixels, 1, 1)], refused: String(error) };
  }
}

/** @param {Task} task @returns {Promise<Measured>} */
async function measure(task) {
  const { network, peer, loaded, size, open, load } = await opened(task);
  const { name, version, threads = task.threads } = peer;
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
      if (network.steps) {
        const first = await timed(() => step(1));
        measured.first ??= first;
        steps = await pace(step);
      }
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

/** Sends the result of `what` for a task, or the error. @param {MessageEvent<['inspect' | 'measure', Task]>} message */
self.onmessage = async ({ data: [what, task] }) => {
  try {
    self.postMessage({ result: await { inspect, measure }[what](task) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
