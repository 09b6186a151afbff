// Decoy's npm package behind the same interface as the other libraries.

import { write } from '../safetensors.js';

/** @import { Backend, Loaded, Network, Peer, Tensors } from '../networks.js' */

/** Decoy on one of its devices. Its module for several threads has no WebGPU. @param {Backend} backend @param {number} [threads] @returns {Promise<Peer>} */
export async function open(backend, threads = 1) {
  const folder = threads > 1 ? '/pkg/threads' : '/pkg';
  /** @type {typeof import('../../../pkg/decoy.js') & { startThreads?: (threads: number) => Promise<void> }} */
  const { default: init, Decoy, startThreads } = await import(`${folder}/decoy.js`);
  await init({ module_or_path: `${folder}/decoy_bg.wasm` });
  await startThreads?.(threads);
  const device = backend === 'wasm' ? 'cpu' : backend;

  /** @param {Network} network @param {Tensors} tensors @returns {Promise<Loaded>} */
  async function load({ model, channels, side, layers }, tensors) {
    /** @type {Uint8Array<ArrayBuffer>} */
    const weights = layers.length > 0 ? write(tensors) : new Uint8Array(await (await fetch(model)).arrayBuffer());
    const families = layers.length > 0
      ? await shipped(model, { channels, height: side, width: side }, weights)
      : [(await (await Decoy.create('{"families":[]}', 'cpu')).readNetwork(model, weights, { normalisation: 'none' })).family];
    const decoy = await Decoy.create(JSON.stringify({ families }), device);
    await decoy.loadModel(model, weights);
    /** The build for benchmarks has more methods than the package. @type {any} */
    const measured = decoy;
    const { kind, notice } = decoy.device();
    if (kind !== device) throw new Error(notice ?? `Decoy runs on ${kind}`);
    return {
      forward: (pixels, _batch, times) => measured.forward(model, pixels, times),
      async gradient(pixels, _batch, classes) {
        const values = await decoy.gradient(model, pixels, Uint32Array.from(classes));
        const length = values.length - pixels.length;
        return { logits: values.slice(0, length), gradient: values.slice(length) };
      },
      steps: (pixels, _batch, classes, stepSize, count) => measured.signSteps(model, pixels, Uint32Array.from(classes), stepSize, count),
      dispose() {},
    };
  }
  const { version } = await (await fetch('/pkg/package.json')).json();
  return { name: 'Decoy', version, load };
}

/**
 * The families of a catalogue with one network, whose input size and weights differ from the shipped one's.
 * @param {string} model @param {{ channels: number, height: number, width: number }} input @param {Uint8Array<ArrayBuffer>} weights
 */
async function shipped(model, input, weights) {
  /** @type {import('../../../pkg/decoy.js').Catalog} */
  const { families } = await (await fetch('/www/models/models.json')).json();
  const sha256 = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', weights)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return families.flatMap((family) => family.models.filter(({ id }) => id === model).map((entry) => (
    { ...family, input, models: [{ ...entry, bytes: weights.length, sha256 }] })));
}
