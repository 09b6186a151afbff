// Decoy's own npm package, as its opponents are given: see tfjs.js and jax.js.

/** @import { Backend, Loaded } from '../networks.js' */

const site = new URL('/dist/', import.meta.url);

/** Decoy on one of its devices; it knows its networks by their names. @param {Backend} backend */
export async function open(backend) {
  /** @type {typeof import('../../../pkg/decoy.js')} */
  const { default: init, Decoy } = await import(new URL('pkg/decoy.js', site).href);
  await init({ module_or_path: new URL('pkg/decoy_bg.wasm', site) });
  const catalog = await (await fetch(new URL('models/models.json', site))).text();
  const device = backend === 'wasm' ? 'cpu' : backend;
  const decoy = await Decoy.create(catalog, device);

  /** @param {string} model @param {Uint8Array} weights @returns {Promise<Loaded>} */
  async function load(model, weights) {
    await decoy.loadModel(model, weights);
    const { kind, notice } = decoy.device();
    if (kind !== device) throw new Error(notice ?? `Decoy runs on ${kind}`);
    return {
      forward: (pixels, _batch, times) => decoy.forward(model, pixels, times),
      async gradient(pixels, _batch, classes) {
        const values = await decoy.gradient(model, pixels, Uint32Array.from(classes));
        const length = values.length - pixels.length;
        return { logits: values.slice(0, length), gradient: values.slice(length) };
      },
      steps: (pixels, _batch, classes, stepSize, count) => decoy.signSteps(model, pixels, Uint32Array.from(classes), stepSize, count),
      dispose() {},
    };
  }
  const { version } = await (await fetch('/pkg/package.json')).json();
  return { name: 'Decoy', version, load };
}
