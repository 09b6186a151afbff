// jax-js. Every function consumes its arrays; `.ref` keeps an array for another use.

import { blockUntilReady, defaultDevice, grad, init, jit, lax, nn, numpy as np, tree } from '@jax-js/jax';
import { oneHot } from '../networks.js';
import manifest from '../package.json' with { type: 'json' };

/** @import { Backend, Conv, Layer, Loaded, Network, Peer, Tensors } from '../networks.js' */
/** @typedef {any} Tensor */
/** @typedef {Record<string, Tensor>} Weights by the names of the tensors */
/** @typedef {{ dense: boolean, depthwise: boolean }} Direct Which kinds of convolution use the library's own function. */

/** jax-js on one of its devices. @param {Backend} backend @returns {Promise<Peer>} */
export async function open(backend) {
  const devices = await init(backend);
  if (!devices.includes(backend)) throw new Error(`jax-js has no ${backend} here`);
  defaultDevice(backend);
  return { name: 'jax-js', version: manifest.dependencies['@jax-js/jax'], load: (network, tensors) => load(backend, network, tensors) };
}

/** @param {Backend} backend @param {Network} network @param {Tensors} tensors @returns {Promise<Loaded>} */
async function load(backend, network, tensors) {
  const { channels, side, classes: count, layers } = network;
  /** @type {Weights} */
  const weights = Object.fromEntries([...tensors].map(([name, { shape, values }]) => [name, np.array(values).reshape(shape)]));

  /** @param {Weights} weights @param {Tensor} image @param {Direct} direct @returns {Tensor} */
  const predict = (weights, image, direct) => run(layers, weights, image.sub(network.mean).div(network.deviation), direct);

  /** The summed cross-entropy and the logits. @param {Tensor} image @param {Weights} weights @param {Tensor} labels @returns {[Tensor, Tensor]} */
  const loss = (image, weights, labels) => {
    const logits = predict(weights, image, { dense: false, depthwise: true });
    return [nn.logSoftmax(logits.ref).mul(labels).sum().mul(-1), logits];
  };
  const slope = grad(loss, { hasAux: true });

  const own = backend === 'webgpu';
  const forward = jit((/** @type {Weights} */ weights, /** @type {Tensor} */ image) => predict(weights, image, { dense: own, depthwise: own }));
  const differentiate = jit(slope);
  const step = jit((/** @type {Tensor} */ image, /** @type {Weights} */ weights, /** @type {Tensor} */ labels, /** @type {Tensor} */ size) => {
    const [gradient, logits] = slope(image.ref, weights, labels);
    logits.dispose();
    return np.clip(image.add(np.sign(gradient).mul(size)), 0, 1);
  });

  /** @param {Float32Array} pixels @param {number} batch @returns {Tensor} */
  const enter = (pixels, batch) => np.array(pixels).reshape([batch, channels, side, side]);

  /** @param {ArrayLike<number>} classes @returns {Tensor} */
  const label = (classes) => np.array(oneHot(classes, count)).reshape([classes.length, count]);

  return {
    async forward(pixels, batch, times) {
      const image = enter(pixels, batch);
      const passes = Array.from({ length: times }, () => forward(tree.ref(weights), image.ref));
      image.dispose();
      // A result that is not awaited is never computed.
      await blockUntilReady(passes);
      const logits = passes.pop();
      tree.dispose(passes);
      return logits.data();
    },

    async gradient(pixels, batch, classes) {
      const [gradient, logits] = differentiate(enter(pixels, batch), tree.ref(weights), label(classes));
      return { logits: await logits.data(), gradient: await gradient.data() };
    },

    async steps(pixels, batch, classes, stepSize, count) {
      const labels = label(classes);
      let image = enter(pixels, batch);
      for (let done = 0; done < count; done++) image = step(image, tree.ref(weights), labels.ref, stepSize);
      labels.dispose();
      return image.data();
    },

    dispose() {
      tree.dispose(weights);
      for (const compiled of [forward, differentiate, step]) compiled.dispose();
    },
  };
}

/** @param {Layer[]} layers @param {Weights} weights @param {Tensor} input @param {Direct} direct @returns {Tensor} */
function run(layers, weights, input, direct) {
  return layers.reduce((x, layer) => {
    if (layer.kind === 'residual') return run(layer.layers, weights, x.ref, direct).add(x);
    if (layer.kind === 'pool') return x.mean([2, 3]);
    const [weight, bias] = [weights[`${layer.name}.weight`], weights[`${layer.name}.bias`]];
    if (layer.kind === 'dense') {
      const rows = x.reshape([x.shape[0], weight.shape[0]]);
      return activate(np.matmul(rows, weight).add(bias), layer.activation);
    }
    return activate(convolve(x, weight, layer, direct).add(bias.reshape([-1, 1, 1])), layer.activation);
  }, input);
}

/**
 * A convolution in the fastest way for jax-js: its own function, a matrix product, or a sum of products.
 * @param {Tensor} x @param {Tensor} weight @param {Conv} layer @param {Direct} direct @returns {Tensor}
 */
function convolve(x, weight, { stride, padding, depthwise }, direct) {
  const [batch, channels, side] = x.shape;
  const [outputs, , kernel] = weight.shape;
  if (depthwise ? direct.depthwise : direct.dense && kernel > 1) {
    return lax.convGeneralDilated(x, weight, [stride, stride], [padding, padding], { featureGroupCount: depthwise ? channels : 1 });
  }
  const size = Math.floor((side + padding[0] + padding[1] - kernel) / stride) + 1;
  const taps = kernel === 1 && stride === 1 ? [x] : shifted(x, kernel, stride, padding[0], size);
  if (depthwise) {
    const products = taps.map((tap, index) => tap.mul(weight.ref.slice([], 0, Math.floor(index / kernel), index % kernel).reshape([-1, 1, 1])));
    weight.dispose();
    return products.reduce((sum, product) => sum.add(product));
  }
  const columns = np.concatenate(taps, 1).reshape([batch, kernel * kernel * channels, size * size]);
  // Both must be stacks: jax-js 0.1.25 gives another product for a matrix and a stack of matrices.
  const rows = weight.transpose([0, 2, 3, 1]).reshape([1, outputs, kernel * kernel * channels]);
  return np.matmul(rows, columns).reshape([batch, outputs, size, size]);
}

/**
 * For every position of a kernel, row-major, the inputs it is multiplied with: `[N, C, size, size]` each.
 * @param {Tensor} x @param {number} kernel @param {number} stride @param {number} begin @param {number} size @returns {Tensor[]}
 */
function shifted(x, kernel, stride, begin, size) {
  const [batch, channels, side] = x.shape;
  const cells = size + Math.floor((kernel - 1) / stride);
  const sides = [begin, Math.max(cells * stride - begin - side, 0)];
  const phases = np.pad(x, [[0, 0], [0, 0], sides, sides])
    .slice([], [], [0, cells * stride], [0, cells * stride])
    .reshape([batch, channels, cells, stride, cells, stride]);
  const taps = [];
  for (let index = 0; index < kernel * kernel; index++) {
    const [row, column] = [Math.floor(index / kernel), index % kernel];
    const [top, left] = [Math.floor(row / stride), Math.floor(column / stride)];
    taps.push(phases.ref.slice([], [], [top, top + size], row % stride, [left, left + size], column % stride));
  }
  phases.dispose();
  return taps;
}

/** @param {Tensor} x @param {import('../networks.js').Activation} activation @returns {Tensor} */
function activate(x, activation) {
  switch (activation) {
    case 'linear': return x;
    case 'relu': return nn.relu(x);
    case 'relu6': return nn.relu6(x);
  }
}
