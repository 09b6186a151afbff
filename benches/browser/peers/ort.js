// ONNX Runtime Web. It computes no gradients: benches/onnx/ writes each network, and a step of it, as graphs.

import { oneHot } from '../networks.js';

/** @import { Backend, Loaded, Network, Peer } from '../networks.js' */
/** @typedef {any} Tensor */

const FILES = '/benches/browser/node_modules/onnxruntime-web/dist/';

/** ONNX Runtime Web on one of its backends. @param {Backend} backend @param {number} [threads] @returns {Promise<Peer>} */
export async function open(backend, threads = 1) {
  const ort = await import(`${FILES}ort.${backend}.bundle.min.mjs`);
  Object.assign(ort.env.wasm, { wasmPaths: FILES, numThreads: threads });
  const onGpu = backend === 'webgpu';

  /** Values on the device. @param {Float32Array} values @param {number[]} dims @returns {Promise<Tensor>} */
  async function enter(values, dims) {
    if (!onGpu) return new ort.Tensor('float32', values, dims);
    /** These types do not include WebGPU. @type {any} */
    const { GPUBufferUsage } = globalThis;
    const device = await ort.env.webgpu.device;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: Math.ceil(values.byteLength / 16) * 16, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims, dispose: () => buffer.destroy() });
  }

  /** The values of a tensor, which is disposed of. @param {Tensor} tensor @returns {Promise<Float32Array>} */
  const leave = (tensor) => tensor.getData(true);

  /** @param {Network} network @returns {Promise<Loaded>} */
  async function load({ graph, steps, channels, side, classes: count }) {
    /** Whichever layout is quicker. */
    const preferredLayout = side < 224 ? 'NCHW' : 'NHWC';
    /** @type {Map<string, Tensor>} */
    const sessions = new Map();
    /** A session for each size of a batch, so that every shape is known beforehand. @param {string} kind of the graph @param {number} batch */
    async function session(kind, batch) {
      const name = `${kind} ${batch}`;
      let session = sessions.get(name);
      if (!session) {
        session = await ort.InferenceSession.create(`${graph}${kind}.onnx`, {
          executionProviders: [onGpu ? { name: 'webgpu', preferredLayout } : 'wasm'],
          preferredOutputLocation: onGpu ? 'gpu-buffer' : 'cpu',
          freeDimensionOverrides: { N: batch },
          graphOptimizationLevel: 'all',
          logSeverityLevel: 3,
        });
        sessions.set(name, session);
      }
      return session;
    }
    const forward = (/** @type {number} */ batch) => session('', batch);
    const step = (/** @type {number} */ batch) => session(onGpu ? '.webgpu' : '.cpu', batch);
    const image = (/** @type {Float32Array} */ pixels, /** @type {number} */ batch) => enter(pixels, [batch, channels, side, side]);
    const rest = async (/** @type {ArrayLike<number>} */ classes, /** @type {number} */ stepSize) => ({
      labels: await enter(oneHot(classes, count), [classes.length, count]),
      size: await enter(Float32Array.of(stepSize), [1]),
    });
    const dispose = (/** @type {Record<string, Tensor>} */ tensors) => Object.values(tensors).forEach((tensor) => tensor.dispose());

    await (steps ? step : forward)(1);
    return {
      async forward(pixels, batch, times) {
        const network = await forward(batch);
        const feeds = { pixels: await image(pixels, batch) };
        let { logits } = await network.run(feeds);
        for (let pass = 1; pass < times; pass++) {
          logits.dispose();
          ({ logits } = await network.run(feeds));
        }
        const values = await leave(logits);
        dispose(feeds);
        return values;
      },

      async gradient(pixels, batch, classes) {
        const feeds = { pixels: await image(pixels, batch), ...await rest(classes, 0) };
        const { logits, gradient } = await (await step(batch)).run(feeds, ['logits', 'gradient']);
        dispose(feeds);
        return { logits: await leave(logits), gradient: await leave(gradient) };
      },

      async steps(pixels, batch, classes, stepSize, times) {
        const network = await step(batch);
        const constant = await rest(classes, stepSize);
        let current = await image(pixels, batch);
        for (let done = 0; done < times; done++) {
          const { next } = await network.run({ pixels: current, ...constant }, ['next']);
          current.dispose();
          current = next;
        }
        dispose(constant);
        return leave(current);
      },

      dispose() {
        sessions.forEach((session) => session.release());
      },
    };
  }

  return { name: 'ONNX Runtime Web', version: ort.env.versions.web, load };
}
