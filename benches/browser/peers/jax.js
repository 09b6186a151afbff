// jax-js. Every function takes its arrays for good; `.ref` keeps one for another use.

import { blockUntilReady, defaultDevice, grad, init, jit, lax, nn, numpy as np, tree } from '@jax-js/jax';
import { oneHot } from '../networks.js';
import manifest from '../package.json' with { type: 'json' };

/** @import { Backend, Layer, Loaded, Network, Peer, Tensors } from '../networks.js' */
/** @typedef {any} Tensor */
/** @typedef {Record<string, Tensor>} Weights by the names of the tensors */

/** jax-js on one of its devices. @param {Backend} backend @returns {Promise<Peer>} */
export async function open(backend) {
  const devices = await init(backend);
  if (!devices.includes(backend)) throw new Error(`jax-js has no ${backend} here`);
  defaultDevice(backend);
  return { name: 'jax-js', version: manifest.dependencies['@jax-js/jax'], load };
}

/** @param {Network} network @param {Tensors} tensors @returns {Promise<Loaded>} */
async function load(network, tensors) {
  const { channels, side, classes: count, layers } = network;
  /** @type {Weights} */
  const weights = Object.fromEntries([...tensors].map(([name, { shape, values }]) => [name, np.array(values).reshape(shape)]));

  /** @param {Weights} weights @param {Tensor} image @returns {Tensor} */
  const predict = (weights, image) => run(layers, weights, image.sub(network.mean).div(network.deviation));

  /** The summed cross-entropy and the logits. @param {Tensor} image @param {Weights} weights @param {Tensor} labels @returns {[Tensor, Tensor]} */
  const loss = (image, weights, labels) => {
    const logits = predict(weights, image);
    return [nn.logSoftmax(logits.ref).mul(labels).sum().mul(-1), logits];
  };
  const slope = grad(loss, { hasAux: true });

  const forward = jit(predict);
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
      // What nobody waits for is never computed.
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

/** @param {Layer[]} layers @param {Weights} weights @param {Tensor} input @returns {Tensor} */
function run(layers, weights, input) {
  return layers.reduce((x, layer) => {
    if (layer.kind === 'residual') return run(layer.layers, weights, x.ref).add(x);
    if (layer.kind === 'pool') return x.mean([2, 3]);
    const [weight, bias] = [weights[`${layer.name}.weight`], weights[`${layer.name}.bias`]];
    if (layer.kind === 'dense') {
      const rows = x.reshape([x.shape[0], weight.shape[0]]);
      return activate(np.matmul(rows, weight).add(bias), layer.activation);
    }
    const { stride, padding, depthwise, activation } = layer;
    const featureGroupCount = depthwise ? weight.shape[0] : 1;
    const y = lax.convGeneralDilated(x, weight, [stride, stride], [padding, padding], { featureGroupCount });
    return activate(y.add(bias.reshape([-1, 1, 1])), activation);
  }, input);
}

/** @param {Tensor} x @param {import('../networks.js').Activation} activation @returns {Tensor} */
function activate(x, activation) {
  switch (activation) {
    case 'linear': return x;
    case 'relu': return nn.relu(x);
    case 'relu6': return nn.relu6(x);
  }
}
