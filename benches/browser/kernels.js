// What Decoy's kernels cost a graphics card on paper: the operations, bytes and threads of every layer, and the least time
// that a card needs for them. The numbers of threads are those of src/gpu/fused.rs, and are compared with what the browser
// dispatches. `cargo xtask bench kernels` builds what is needed and runs it; it writes docs/kernels.md.

import { readFile, writeFile } from 'node:fs/promises';
import { launch } from '../../tests/browser/launch.js';
import { networks } from './networks.js';
import { commit } from './record.js';
import { read } from './safetensors.js';
import { serve } from './server.js';
import { work } from './work.js';

/** @import { Layer } from './networks.js' */
/** @import { Tensors } from './safetensors.js' */
/** @import { Counted, Counting } from './dispatches.js' */
/** @typedef {[channels: number, height: number, width: number]} Shape */
/** @typedef {{ name: string, kind: string, operations: number, bytes: number, threads: number, sums?: number }} Kernel `sums`: threads of the kernel that adds partial sums */
/** @typedef {{ forward: Kernel, backward: Kernel }} Both */

/** Operations and bytes a second at most, and lanes, each of which does two operations (a multiply-add) at once. */
const CARDS = [
  { name: 'integrated', operations: 1e12, bytes: 50e9, lanes: 512 },
  { name: 'desktop', operations: 10e12, bytes: 400e9, lanes: 2560 },
];

/** Threads of a workgroup; pixels of a thread; images and inputs of a thread of a dense layer; threads that are few. */
const [THREADS, PIXELS, IMAGES, INPUTS, FEW] = [64, 8, 8, 128, 320];

/** Rows of the table of the slowest kernels. */
const SHOWN = 10;

const size = (/** @type {number[]} */ shape) => shape.reduce((product, side) => product * side, 1);
const tile = (/** @type {number} */ count, /** @type {number[]} */ sizes) => sizes.find((size) => count % size === 0) ?? 1;

/**
 * Both kernels of each part of a layer, and the shape of its output. @param {Layer} layer @param {Shape} from
 * @param {number} batch @param {Tensors} tensors @returns {{ kernels: Both[], to: Shape }}
 */
function costs(layer, from, batch, tensors) {
  if (layer.kind === 'pool') return { kernels: [], to: [from[0], 1, 1] };
  if (layer.kind === 'residual') return costsOf(layer.layers, from, batch, tensors);
  const { name } = layer;
  const weights = tensors.get(`${name}.weight`)?.shape ?? [];
  const { kind, to, threads, sums } = layer.kind === 'dense'
    ? dense(size(from), weights[1], batch)
    : convolution(layer, from, weights, batch);
  const [x, y] = [batch * size(from), batch * size(to)];
  const operations = 2 * y * size(weights) / to[0];
  return {
    kernels: [{
      forward: { name, kind, operations, bytes: 4 * (x + size(weights) + y), threads: threads[0], sums },
      backward: { name, kind: `${kind}, gradient`, operations, bytes: 4 * (2 * x + size(weights) + y), threads: threads[1] },
    }],
    to,
  };
}

/** @param {Layer[]} layers @param {Shape} from @param {number} batch @param {Tensors} tensors @returns {{ kernels: Both[], to: Shape }} */
function costsOf(layers, from, batch, tensors) {
  return layers.reduce(({ kernels, to }, layer) => {
    const next = costs(layer, to, batch, tensors);
    return { kernels: [...kernels, ...next.kernels], to: next.to };
  }, { kernels: /** @type {Both[]} */ ([]), to: from });
}

/** @param {number} inputs @param {number} outputs @param {number} batch @returns {{ kind: string, to: Shape, threads: number[], sums?: number }} */
function dense(inputs, outputs, batch) {
  const groups = Math.ceil(batch / Math.min(IMAGES, batch));
  const parts = Math.ceil(inputs / INPUTS);
  const threads = [outputs / tile(outputs, [4, 2]) * groups * parts, inputs / tile(inputs, [8, 4, 2]) * groups];
  return { kind: 'dense', to: [outputs, 1, 1], threads, sums: parts > 1 ? batch * outputs : undefined };
}

/** @param {import('./networks.js').Conv} layer @param {Shape} from @param {number[]} weights `[O, C / G, K, K]` @param {number} batch @returns {{ kind: string, to: Shape, threads: number[], sums?: number }} */
function convolution({ stride, padding: [begin, end], depthwise }, [channels, height, width], [outputs, , kernel], batch) {
  const side = (/** @type {number} */ length) => Math.floor((length + begin + end - kernel) / stride) + 1;
  const blocks = (/** @type {number} */ length) => Math.ceil((length + begin) / stride);
  /** @type {Shape} */
  const to = [outputs, side(height), side(width)];
  if (kernel === 1 && stride === 1) {
    const threads = [outputs, channels].map((count) => {
      const [all, twice] = [PIXELS, PIXELS / 2].map((share) => batch * count / tile(count, [8, 4, 2]) * Math.ceil(height * width / share));
      return all < FEW ? twice : all;
    });
    return { kind: '1×1', to, threads };
  }
  const threads = [
    batch * outputs / (depthwise ? 1 : tile(outputs, [8, 4, 2])) * to[1] * Math.ceil(to[2] / PIXELS),
    batch * channels / (depthwise ? 1 : tile(channels, [2])) * blocks(height) * Math.ceil(blocks(width) / PIXELS),
  ];
  return { kind: depthwise ? 'depthwise' : 'convolution', to, threads };
}

/** The least seconds that a card needs: with all its lanes, or with those that the kernel has threads for. @param {Kernel} kernel @param {typeof CARDS[number]} card @param {'all' | 'busy'} lanes */
function seconds({ operations, bytes, threads }, card, lanes) {
  const share = lanes === 'all' ? 1 : Math.min(1, threads / card.lanes);
  return Math.max(operations / (card.operations * share), bytes / card.bytes);
}

/** What the browser dispatches. @param {Counting} counting @returns {Promise<Counted>} */
async function counted(counting) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(600_000);
    await page.goto(server.address);
    return await work(page, 'dispatches.js', counting);
  } finally {
    await browser.close();
  }
}

/** Fails where these kernels are not among the dispatches, in this order. @param {number[]} dispatches workgroups of each @param {Kernel[]} kernels */
function check(dispatches, kernels) {
  let place = 0;
  for (const { name, kind, threads, sums } of kernels) {
    for (const count of sums === undefined ? [threads] : [threads, sums]) {
      const found = dispatches.indexOf(Math.ceil(count / THREADS), place);
      if (found < 0) throw new Error(`${name}, ${kind}: expected ${Math.ceil(count / THREADS)} workgroups, found ${dispatches.slice(place)}`);
      place = found + 1;
    }
  }
}

/** @param {string[]} head @param {string[][]} rows */
const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
/** Three digits. @param {number} value */
const short = (value) => (value >= 100 ? String(Math.round(value)) : value.toPrecision(3));
const sum = (/** @type {number[]} */ values) => values.reduce((total, value) => total + value, 0);
const microseconds = (/** @type {Kernel[]} */ kernels, /** @type {'all' | 'busy'} */ lanes) => (
  CARDS.map((card) => short(1e6 * sum(kernels.map((kernel) => seconds(kernel, card, lanes))))));

const server = await serve();
const overview = [];
/** @type {{ where: string, kernel: Kernel }[]} */
const all = [];
for (const [title, network] of /** @type {const} */ ([['toy objects', 'coil20'], ['EfficientNet-Lite0', 'photos']])) {
  const { model, layers, channels, side } = networks[network];
  const tensors = read((await readFile(`www/models/${model}.safetensors`)).buffer);
  for (const batch of [1, 32]) {
    const { kernels } = costsOf(layers, [channels, side, side], batch, tensors);
    const forward = kernels.map((both) => both.forward);
    const step = [...forward, ...kernels.map((both) => both.backward).reverse()];
    const dispatched = await counted({ network, batch });
    check(dispatched.forward, forward);
    check(dispatched.step, step);
    for (const kernel of step) all.push({ where: `${title}, batch ${batch}`, kernel });
    for (const [what, some, dispatches] of /** @type {const} */ ([['forward', forward, dispatched.forward], ['step', step, dispatched.step]])) {
      const operations = sum(some.map((kernel) => kernel.operations)) / 1e9;
      const bytes = sum(some.map((kernel) => kernel.bytes)) / 1e6;
      overview.push([title, String(batch), what, String(dispatches.length), short(operations), short(bytes), ...microseconds(some, 'all'), ...microseconds(some, 'busy')]);
    }
  }
}
server.close();

const cards = CARDS.map(({ name }) => name);
const [, desktop] = CARDS;
const lost = (/** @type {Kernel} */ kernel) => seconds(kernel, desktop, 'busy') - seconds(kernel, desktop, 'all');
/** Kernels of the same shape, as one. @type {Map<string, { where: string, kernel: Kernel, names: string[] }>} */
const alike = new Map();
for (const { where, kernel } of all) {
  const { name, ...shape } = kernel;
  const key = JSON.stringify([where, shape]);
  alike.set(key, { where, kernel, names: [...alike.get(key)?.names ?? [], name] });
}
const worst = [...alike.values()].sort((a, b) => lost(b.kernel) - lost(a.kernel)).slice(0, SHOWN).map(({ where, kernel, names }) => [
  where, names.join(', '), kernel.kind, String(kernel.threads), short(kernel.operations / 1e6), short(kernel.bytes / 1e6),
  short(kernel.operations / kernel.bytes), ...CARDS.flatMap((card) => [short(1e6 * seconds(kernel, card, 'all')), short(1e6 * seconds(kernel, card, 'busy'))]),
]);
await writeFile('docs/kernels.md', `# The kernels on paper

Made by \`cargo xtask bench kernels\` at ${commit()}. Decoy has not been timed on a graphics card yet. This is what its kernels ask of one: the operations of a layer (a multiply-add is two), the bytes that it must read and write at least once, and its threads. The dispatches are those that the browser is given, the kernels between the layers among them; the other columns are the layers alone.

The cards are made up of round figures: ${CARDS.map(({ name, operations, bytes, lanes }) => `${name}, ${operations / 1e12} TFLOP/s, ${bytes / 1e9} GB/s and ${lanes} lanes`).join('; ')}. “At the peak” is the time in which a card can do all the operations, or move all the bytes, whichever is longer. “With its threads” takes into account that a kernel with fewer threads than lanes leaves lanes idle. Both are lower bounds: what a dispatch costs, and how long a read takes that a lane waits for, come on top.

${table(['network', 'batch', 'what', 'dispatches', 'GFLOP', 'MB', ...cards.map((name) => `${name}, at the peak (µs)`), ...cards.map((name) => `${name}, with its threads (µs)`)], overview)}

The kernels that lose most by idle lanes on the desktop card; operations per byte say how often a value is used that is read once:

${table(['network', 'layers', 'kernel', 'threads', 'MFLOP', 'MB', 'operations per byte', ...cards.flatMap((name) => [`${name}, peak (µs)`, 'threads (µs)'])], worst)}
`);
console.log(await readFile('docs/kernels.md', 'utf8'));
