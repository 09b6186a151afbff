// The networks that are measured: Decoy's own as plain data (src/model/compact.rs, src/model/efficientnet.rs), and ONNX
// files. And the interface of a library that runs them.

/**
 * @typedef {'linear' | 'relu' | 'relu6'} Activation
 * @typedef {{ kind: 'conv', name: string, stride: number, padding: [begin: number, end: number], depthwise: boolean, activation: Activation }} Conv
 * A convolution with a bias; its padding is the same for rows and columns.
 * @typedef {{ kind: 'dense', name: string, flattens?: [channels: number, height: number, width: number], activation: Activation }} Dense
 * A dense layer with a bias, its weight `[inputs, outputs]`; `flattens`: the shape of what it flattens, channels first.
 * @typedef {{ kind: 'pool' }} Pool The mean of every channel.
 * @typedef {{ kind: 'residual', layers: Layer[] }} Residual The output of the layers, added to their input.
 * @typedef {Conv | Dense | Pool | Residual} Layer
 *
 * @typedef {{ model: string, graph: string, steps: boolean, channels: number, side: number, classes: number, mean: number, deviation: number, layers: Layer[] }} Network
 * `model` is the shipped network with its weights, or the path of an ONNX file, which has no layers here; `graph` is the
 * start of the paths of its graphs for ONNX Runtime; without `steps` it has only forward passes. Pixels in [0, 1] are
 * normalised to (pixels − mean) / deviation before the first layer.
 *
 * @typedef {import('./safetensors.js').Tensors} Tensors
 * @typedef {'webgpu' | 'wasm'} Backend
 *
 * @typedef {object} Loaded A network on a device. Pixels are `[N, C, H, W]` in [0, 1], logits `[N, K]`.
 * @property {(pixels: Float32Array, batch: number, times: number) => Promise<Float32Array>} forward
 * The logits of the last of `times` forward passes, all of which are computed; one read-back.
 * @property {(pixels: Float32Array, batch: number, classes: ArrayLike<number>) => Promise<{ logits: Float32Array, gradient: Float32Array }>} gradient
 * The logits, and the gradient of the summed cross-entropy with respect to the pixels.
 * @property {(pixels: Float32Array, batch: number, classes: ArrayLike<number>, stepSize: number, count: number) => Promise<Float32Array>} steps
 * The pixels after `count` steps of `stepSize` along the sign of that gradient, each clipped to [0, 1]; one read-back.
 * @property {() => void} dispose
 *
 * @typedef {{ name: string, version: string, threads?: number, load(network: Network, tensors: Tensors): Promise<Loaded> }} Peer
 * A library on one of its backends; `threads` if the library reports their number.
 */

/** What benches/onnx/ writes. */
const GRAPHS = '/target/bench/graphs/';

/** The networks that are measured, by name. */
export const networks = {
  'coil20-32': compact('coil20-32', 32),
  coil20: compact('coil20', 128),
  photos: efficientNetLite0(),
  'photos-read': own('/target/bench/exported/photos.onnx', `${GRAPHS}photos`, true),
  resnet18: own(`${GRAPHS}resnet18.onnx`, `${GRAPHS}resnet18`, false),
  mobilenetv2: own(`${GRAPHS}mobilenetv2.onnx`, `${GRAPHS}mobilenetv2`, false),
};

/** A network of photographs in an ONNX file, as users bring it. @param {string} model @param {string} graph @param {boolean} steps @returns {Network} */
function own(model, graph, steps) {
  return { model, graph, steps, channels: 3, side: 224, classes: 1000, mean: 0, deviation: 1, layers: [] };
}

/**
 * Weights for a network of a smaller picture, made from a shipped one: the first dense layer keeps the middle part.
 * @param {Network} network @param {Tensors} tensors @returns {Tensors}
 */
export function fitted({ layers }, tensors) {
  for (const layer of layers) {
    if (layer.kind !== 'dense' || !layer.flattens) continue;
    const name = `${layer.name}.weight`;
    const { shape: [inputs, outputs], values } = /** @type {{ shape: number[], values: Float32Array }} */ (tensors.get(name));
    const [channels, side] = layer.flattens;
    const whole = Math.sqrt(inputs / channels);
    const edge = (whole - side) / 2;
    const middle = new Float32Array(channels * side * side * outputs);
    for (let row = 0; row < channels * side; row++) {
      const [channel, y] = [Math.floor(row / side), row % side];
      const from = ((channel * whole + y + edge) * whole + edge) * outputs;
      middle.set(values.subarray(from, from + side * outputs), row * side * outputs);
    }
    return new Map(tensors).set(name, { shape: [channels * side * side, outputs], values: middle });
  }
  return tensors;
}

/** Three strided convolutions and two dense layers, for square grey pictures whose side is a multiple of 8. @param {string} name @param {number} side @returns {Network} */
function compact(name, side) {
  return {
    model: 'coil20-sigma-0.00',
    graph: `${GRAPHS}${name}`,
    steps: true,
    channels: 1,
    side,
    classes: 20,
    mean: 0.30,
    deviation: 0.32,
    layers: [
      conv('conv1', 2, [2, 2], 'relu'),
      conv('conv2', 2, [1, 1], 'relu'),
      conv('conv3', 2, [1, 1], 'relu'),
      { kind: 'dense', name: 'dense1', flattens: [32, side / 8, side / 8], activation: 'relu' },
      { kind: 'dense', name: 'dense2', activation: 'linear' },
    ],
  };
}

/** EfficientNet-Lite0 at 224×224, every BatchNorm folded into its convolution. @returns {Network} */
function efficientNetLite0() {
  const stages = [
    { expansion: 1, kernel: 3, stride: 1, repeats: 1 },
    { expansion: 6, kernel: 3, stride: 2, repeats: 2 },
    { expansion: 6, kernel: 5, stride: 2, repeats: 2 },
    { expansion: 6, kernel: 3, stride: 2, repeats: 3 },
    { expansion: 6, kernel: 5, stride: 1, repeats: 3 },
    { expansion: 6, kernel: 5, stride: 2, repeats: 4 },
    { expansion: 6, kernel: 3, stride: 1, repeats: 1 },
  ];
  let side = 112;
  let index = 0;
  /** @type {Layer[]} */
  const blocks = [];
  for (const { expansion, kernel, stride, repeats } of stages) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `blocks.${index++}`;
      const step = repeat === 0 ? stride : 1;
      /** @type {Layer[]} */
      const layers = [
        ...(expansion > 1 ? [conv(`${name}.expand`, 1, [0, 0], 'relu6')] : []),
        conv(`${name}.depthwise`, step, same(side, kernel, step), 'relu6', true),
        conv(`${name}.project`, 1, [0, 0], 'linear'),
      ];
      // The first block of a stage changes the shape of its input, so it is not residual.
      blocks.push(...(repeat === 0 ? layers : [/** @type {Residual} */ ({ kind: 'residual', layers })]));
      side = Math.ceil(side / step);
    }
  }
  return {
    model: 'photos-sigma-0.00',
    graph: `${GRAPHS}photos`,
    steps: true,
    channels: 3,
    side: 224,
    classes: 1000,
    mean: 127 / 255,
    deviation: 128 / 255,
    layers: [
      conv('stem', 2, same(224, 3, 2), 'relu6'),
      ...blocks,
      conv('head', 1, [0, 0], 'relu6'),
      { kind: 'pool' },
      { kind: 'dense', name: 'dense', activation: 'linear' },
    ],
  };
}

/** The classes as one-hot rows, `[N, K]`. @param {ArrayLike<number>} classes @param {number} count number of classes, K */
export function oneHot(classes, count) {
  const rows = new Float32Array(classes.length * count);
  for (let image = 0; image < classes.length; image++) rows[image * count + classes[image]] = 1;
  return rows;
}

/**
 * @param {string} name @param {number} stride @param {[number, number]} padding @param {Activation} activation
 * @param {boolean} [depthwise] @returns {Conv}
 */
function conv(name, stride, padding, activation, depthwise = false) {
  return { kind: 'conv', name, stride, padding, depthwise, activation };
}

/**
 * The padding for an output of side `side / stride`; an odd padding has its larger half at the end.
 * @param {number} side @param {number} kernel @param {number} stride @returns {[number, number]}
 */
function same(side, kernel, stride) {
  const padding = Math.max((Math.ceil(side / stride) - 1) * stride + kernel - side, 0);
  return [Math.floor(padding / 2), Math.ceil(padding / 2)];
}
