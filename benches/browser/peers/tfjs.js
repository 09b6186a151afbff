// TensorFlow.js. Its channels are the last axis, so pixels are transposed once before and once after the computation.

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';
import threadedSimd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm';
import { oneHot } from '../networks.js';

/** @import { Backend, Layer, Loaded, Network, Peer, Tensors } from '../networks.js' */
/** @typedef {any} Tensor */
/** @typedef {Map<string, { weight: Tensor, bias: Tensor }>} Weights */

const programs = {
  'tfjs-backend-wasm.wasm': plain,
  'tfjs-backend-wasm-simd.wasm': simd,
  'tfjs-backend-wasm-threaded-simd.wasm': threadedSimd,
};

/** TensorFlow.js on one of its backends. @param {Backend} backend @returns {Promise<Peer>} */
export async function open(backend) {
  const library = backend === 'wasm' ? await import('@tensorflow/tfjs-backend-wasm') : await import('@tensorflow/tfjs-backend-webgpu');
  library.setWasmPaths?.(Object.fromEntries(Object.entries(programs).map(([name, path]) => [name, new URL(path, import.meta.url).href])));
  if (!await tf.setBackend(backend)) throw new Error(`TensorFlow.js has no ${backend} here`);
  await tf.ready();
  return { name: 'TensorFlow.js', version: tf.version_core, threads: library.getThreadsCount?.(), load };
}

/** @param {Network} network @param {Tensors} tensors @returns {Promise<Loaded>} */
async function load(network, tensors) {
  const { channels, side, classes: count, layers } = network;
  /** @type {Weights} */
  const weights = new Map();
  upload(layers, tensors, weights);
  const [mean, deviation] = [tf.scalar(network.mean), tf.scalar(network.deviation)];

  /** @param {Tensor} image @param {boolean} fused @returns {Tensor} */
  const predict = (image, fused) => run(layers, weights, tf.div(tf.sub(image, mean), deviation), fused);

  /** The gradient of the summed cross-entropy. @param {Tensor} image @param {Tensor} labels @param {(logits: Tensor) => void} [see] @returns {Tensor} */
  const differentiate = (image, labels, see) => {
    if (tf.getBackend() === 'wasm' && layers.some(isDepthwise)) {
      throw new Error('TensorFlow.js has no gradient of depthwise convolutions on its wasm backend');
    }
    return tf.grad((/** @type {Tensor} */ pixels) => {
      const logits = predict(pixels, false);
      see?.(logits);
      return tf.losses.softmaxCrossEntropy(labels, logits, undefined, 0, tf.Reduction.SUM);
    })(image);
  };

  /** @param {Float32Array} pixels @param {number} batch @returns {Tensor} */
  const enter = (pixels, batch) => tf.tidy(() => tf.transpose(tf.tensor4d(pixels, [batch, channels, side, side]), [0, 2, 3, 1]));

  /** @param {Tensor} image @returns {Tensor} */
  const leave = (image) => tf.tidy(() => tf.transpose(image, [0, 3, 1, 2]));

  /** @param {ArrayLike<number>} classes @returns {Tensor} */
  const label = (classes) => tf.tensor2d(oneHot(classes, count), [classes.length, count]);

  return {
    async forward(pixels, batch, times) {
      const image = enter(pixels, batch);
      let logits = tf.tidy(() => predict(image, true));
      for (let pass = 1; pass < times; pass++) {
        logits.dispose();
        logits = tf.tidy(() => predict(image, true));
      }
      return read(logits, image);
    },

    async gradient(pixels, batch, classes) {
      const [image, labels] = [enter(pixels, batch), label(classes)];
      /** @type {Tensor} */
      let logits;
      const gradient = tf.tidy(() => leave(differentiate(image, labels, (seen) => (logits = tf.keep(seen)))));
      return { logits: await read(logits), gradient: await read(gradient, image, labels) };
    },

    async steps(pixels, batch, classes, stepSize, count) {
      const labels = label(classes);
      const size = tf.scalar(stepSize);
      let image = enter(pixels, batch);
      for (let step = 0; step < count; step++) {
        const before = image;
        image = tf.tidy(() => tf.clipByValue(tf.add(before, tf.mul(tf.sign(differentiate(before, labels)), size)), 0, 1));
        before.dispose();
      }
      return read(leave(image), image, labels, size);
    },

    dispose() {
      tf.dispose([mean, deviation, ...weights.values()]);
    },
  };
}

/** The values of a tensor; then disposes of it and of the others. @param {Tensor} tensor @param {Tensor[]} others @returns {Promise<Float32Array>} */
async function read(tensor, ...others) {
  const values = await tensor.data();
  tf.dispose([tensor, ...others]);
  return values;
}

/** @param {Layer} layer @returns {boolean} */
function isDepthwise(layer) {
  return layer.kind === 'residual' ? layer.layers.some(isDepthwise) : layer.kind === 'conv' && layer.depthwise;
}

/** Uploads the weights of the layers to the device, with channels as the last axis. @param {Layer[]} layers @param {Tensors} tensors @param {Weights} weights */
function upload(layers, tensors, weights) {
  for (const layer of layers) {
    if (layer.kind === 'residual') upload(layer.layers, tensors, weights);
    else if (layer.kind !== 'pool') weights.set(layer.name, tf.tidy(() => {
      const [weight, bias] = ['weight', 'bias'].map((part) => {
        const { shape, values } = /** @type {{ shape: number[], values: Float32Array }} */ (tensors.get(`${layer.name}.${part}`));
        return tf.tensor(values, shape);
      });
      return { weight: channelsLast(layer, weight), bias };
    }));
  }
}

/** @param {import('../networks.js').Conv | import('../networks.js').Dense} layer @param {Tensor} weight @returns {Tensor} */
function channelsLast(layer, weight) {
  if (layer.kind === 'conv') return tf.transpose(weight, layer.depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
  if (!layer.flattens) return weight;
  return tf.reshape(tf.transpose(tf.reshape(weight, [...layer.flattens, -1]), [1, 2, 0, 3]), weight.shape);
}

/**
 * Runs the layers. The gradient of fused kernels always computes that of the filter too, so they are used only for
 * passes without gradient.
 * @param {Layer[]} layers @param {Weights} weights @param {Tensor} input @param {boolean} fused @returns {Tensor}
 */
function run(layers, weights, input, fused) {
  return layers.reduce((x, layer) => {
    if (layer.kind === 'residual') return tf.add(x, run(layer.layers, weights, x, fused));
    if (layer.kind === 'pool') return tf.mean(x, [1, 2]);
    const { weight, bias } = /** @type {{ weight: Tensor, bias: Tensor }} */ (weights.get(layer.name));
    const { activation } = layer;
    if (layer.kind === 'dense') {
      const rows = tf.reshape(x, [x.shape[0], weight.shape[0]]);
      if (fused) return tf.fused.matMul({ a: rows, b: weight, bias, activation });
      return activate(tf.add(tf.matMul(rows, weight), bias), activation);
    }
    const { stride, depthwise } = layer;
    const pad = [[0, 0], layer.padding, layer.padding, [0, 0]];
    if (fused) {
      const convolve = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
      return convolve({ x, filter: weight, strides: stride, pad, bias, activation });
    }
    const convolve = depthwise ? tf.depthwiseConv2d : tf.conv2d;
    return activate(tf.add(convolve(x, weight, stride, pad), bias), activation);
  }, input);
}

/** @param {Tensor} x @param {import('../networks.js').Activation} activation @returns {Tensor} */
function activate(x, activation) {
  switch (activation) {
    case 'linear': return x;
    case 'relu': return tf.relu(x);
    case 'relu6': return tf.relu6(x);
  }
}
