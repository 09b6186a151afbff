// Counts what Decoy gives to the GPU for a forward pass and for an attack step. Runs in a worker.

import { fitted, networks } from './networks.js';
import { open } from './peers/decoy.js';
import { read } from './safetensors.js';

/** @typedef {{ network: keyof typeof networks, batch: number }} Counting */
/** @typedef {{ forward: number[], step: number[] }} Counted workgroups of each dispatch, in order */

/** @type {number[]} */
const workgroups = [];
/** These types do not include WebGPU. @type {any} */
const { GPUComputePassEncoder } = globalThis;
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
GPUComputePassEncoder.prototype.dispatchWorkgroups = function count(/** @type {number} */ x, y = 1, z = 1) {
  workgroups.push(x * y * z);
  return dispatchWorkgroups.call(this, x, y, z);
};

/** @param {Counting} counting @returns {Promise<Counted>} */
async function count({ network: name, batch }) {
  const network = networks[name];
  const weights = read(await (await fetch(`/www/models/${network.model}.safetensors`)).arrayBuffer());
  const loaded = await (await open('webgpu')).load(network, fitted(network, weights));
  const pixels = new Float32Array(batch * network.channels * network.side ** 2).fill(0.5);
  const classes = new Uint32Array(batch);
  /** What two passes dispatch and one does not, so that what comes once is not counted. @param {(passes: number) => Promise<unknown>} work */
  async function each(work) {
    const lists = [];
    for (const passes of [1, 1, 2]) { // the first prepares the kernels
      workgroups.length = 0;
      await work(passes);
      lists.push([...workgroups]);
    }
    const [, one, two] = lists;
    return two.slice(0, two.length - one.length);
  }
  return {
    forward: await each((passes) => loaded.forward(pixels, batch, passes)),
    step: await each((passes) => loaded.steps(pixels, batch, classes, 1 / 255, passes)),
  };
}

/** Sends what was counted, or the error. @param {MessageEvent<Counting>} message */
self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ result: await count(data) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
