// Decoy's npm package behind the same interface as tfjs.js and jax.js.

import { write } from '../safetensors.js';

/** @import { Backend, Loaded, Network, Peer, Tensors } from '../networks.js' */

/** Decoy on one of its devices. @param {Backend} backend @returns {Promise<Peer>} */
export async function open(backend) {
  /** @type {typeof import('../../../pkg/decoy.js')} */
  const { default: init, Decoy } = await import(new URL('/pkg/decoy.js', import.meta.url).href);
  await init({ module_or_path: new URL('/pkg/decoy_bg.wasm', import.meta.url) });
  const device = backend === 'wasm' ? 'cpu' : backend;

  /** @param {Network} network @param {Tensors} tensors @returns {Promise<Loaded>} */
  async function load({ model, channels, side }, tensors) {
    const weights = write(tensors);
    const decoy = await Decoy.create(JSON.stringify(await catalog(model, { channels, height: side, width: side }, weights)), device);
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
 * A catalogue with one network, whose input size and weights differ from the shipped one's.
 * @param {string} model @param {{ channels: number, height: number, width: number }} input @param {Uint8Array<ArrayBuffer>} weights
 */
async function catalog(model, input, weights) {
  /** @type {import('../../../pkg/decoy.js').Catalog} */
  const { families } = await (await fetch('/www/models/models.json')).json();
  const sha256 = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', weights)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    families: families.flatMap((family) => family.models.filter(({ id }) => id === model).map((entry) => (
      { ...family, input, models: [{ ...entry, bytes: weights.length, sha256 }] }))),
  };
}
