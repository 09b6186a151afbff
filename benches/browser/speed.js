// Compares Decoy with ONNX Runtime Web, TensorFlow.js and jax-js in one browser, with the same networks and weights: first
// whether the gradients agree, then the time of a forward pass and of an attack step, the time to the first step, memory,
// and bytes fetched. Networks in ONNX files are read by Decoy and ONNX Runtime Web. `cargo xtask bench` builds what is needed and runs it, once with
// the argument `wasm` (the processor) and once with `webgpu`; each writes a file in benches/results/, such as speed-wasm.json.
// Further arguments select networks and libraries; then no file is written.

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { launch } from '../../tests/browser/launch.js';
import { median } from './median.js';
import { networks } from './networks.js';
import { memory } from './processes.js';
import { record } from './record.js';
import { serve } from './server.js';
import { work } from './work.js';

/** @import { Measured, Task } from './measure.js' */

const ROUNDS = 3;

/** Largest relative L2 difference allowed between two libraries' logits or gradients. */
const AGREEMENT = 0.01;

const chosen = process.argv.slice(2);
/** @template {string} T @param {T[]} names @returns {T[]} */
const choose = (names) => {
  const some = names.filter((name) => chosen.includes(name));
  return some.length > 0 ? some : names;
};

const names = choose(/** @type {Task['network'][]} */ (Object.keys(networks)));
const backends = choose(/** @type {Task['backend'][]} */ (['webgpu', 'wasm']));
const libraries = choose(/** @type {Task['library'][]} */ (['decoy', 'ort', 'tfjs', 'jax']));
const batches = { 'coil20-32': [1, 32], coil20: [1, 32], photos: [1], 'photos-read': [1], resnet18: [1], mobilenetv2: [1] };

/** The numbers of threads on the CPU of the libraries that take one; the others decide themselves. @type {Partial<Record<Task['library'], number[]>>} */
const THREADS = { decoy: [1, 2, 4], ort: [1, 2] };

const tasks = names.flatMap((network) => backends.flatMap((backend) => libraries
  .filter((library) => networks[network].layers.length > 0 || library === 'decoy' || (library === 'ort' && network !== 'photos-read'))
  .flatMap((library) => ((backend === 'wasm' && THREADS[library]) || [undefined]).map((threads) => (
    /** @type {Task} */ ({ library, backend, threads, network, batches: batches[network] }))))));

const server = await serve();
let version = '';
let adapter = '';

/**
 * Runs a task in a browser of its own, without caches, so that its memory is that of the task.
 * @template T @param {'inspect' | 'measure'} what @param {Task} task
 * @returns {Promise<{ result: any, memory: number, sent: Map<string, number> }>}
 */
async function run(what, task) {
  const browser = await launch({ flags: ['--enable-features=SharedArrayBuffer'] });
  try {
    version = browser.version();
    server.sent.clear();
    const page = await browser.newPage();
    page.setDefaultTimeout(1_200_000);
    page.on('console', (message) => message.type() === 'error' && console.error(`   ${task.library}: ${message.text()}`));
    await page.goto(server.address);
    adapter ||= await page.evaluate(async () => {
      // @ts-ignore These types do not include WebGPU.
      const found = await navigator.gpu?.requestAdapter();
      return found ? [found.info.vendor, found.info.architecture, found.info.description].filter(Boolean).join(' ') : 'none';
    });
    const result = await work(page, 'measure.js', [what, task]);
    return { result, memory: await memory(browser, 'VmHWM'), sent: new Map(server.sent) };
  } finally {
    await browser.close();
  }
}

/** @param {Task} task */
const title = ({ library, backend, threads, network }) => `${network} ${library} ${backend}${threads ? `, threads: ${threads}` : ''}`;

/** The L2 distance of two vectors, relative to the norm of the second. @param {number[]} found @param {number[]} expected */
function distance(found, expected) {
  const length = (/** @type {number[]} */ values) => Math.sqrt(values.reduce((sum, value) => sum + (value ?? NaN) ** 2, 0));
  return length(found.map((value, index) => value - expected[index])) / length(expected);
}

const agreement = [];
for (const network of names) {
  const reference = await run('inspect', { library: 'decoy', backend: 'wasm', network: network === 'photos-read' ? 'photos' : network, batches: [] });
  for (const task of tasks.filter((task) => task.network === network)) {
    const found = await run('inspect', task).catch((error) => ({ result: { refused: String(error) } }));
    const { logits, gradient, refused } = found.result;
    const line = {
      task: title(task),
      agrees: false,
      refused: refused?.split('\n')[0],
      logits: logits && distance(logits, reference.result.logits),
      gradient: gradient && distance(gradient, reference.result.gradient),
    };
    line.agrees = line.logits < AGREEMENT && (!networks[network].steps || line.gradient < AGREEMENT);
    agreement.push(line);
    console.log(JSON.stringify(line));
  }
}

/** @type {Map<string, { result: Measured, memory: number, sent: Map<string, number> }[]>} */
const rounds = new Map(tasks.map((task) => [title(task), []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const task of tasks) {
    const measured = await run('measure', task);
    rounds.get(title(task))?.push(measured);
    console.log(`round ${round + 1}, ${title(task)}: ${JSON.stringify(measured.result.paces, (_, value) => (Array.isArray(value) ? undefined : value))}`);
  }
}

/** @type {Map<string, number>} */
const compressed = new Map();
/** Bytes of the program, uncompressed and with brotli. @param {Map<string, number>} sent */
async function program(sent) {
  const code = [...sent].filter(([path]) => /^\/(target\/peers|pkg|benches\/browser\/node_modules)\/.*\.(m?js|wasm)$/.test(path));
  for (const [path] of code) {
    if (!compressed.has(path)) {
      const ready = await readFile(`.${path}.br`).catch(async () => promisify(brotliCompress)(await readFile(`.${path}`)));
      compressed.set(path, ready.length);
    }
  }
  return {
    bytes: code.reduce((sum, [, bytes]) => sum + bytes, 0),
    brotli: code.reduce((sum, [path]) => sum + (compressed.get(path) ?? 0), 0),
  };
}

const rows = [];
for (const task of tasks) {
  const all = rounds.get(title(task)) ?? [];
  const { name, version, threads, refused } = all[0].result;
  const middle = (/** @type {(measured: Measured) => number | null} */ pick) => {
    const values = all.map(({ result }) => pick(result)).filter((value) => value !== null);
    return values.length > 0 ? Number(median(values).toFixed(2)) : null;
  };
  rows.push({
    network: task.network,
    backend: task.backend,
    library: name,
    version,
    threads,
    refused: refused?.split('\n')[0],
    agrees: agreement.find((line) => line.task === title(task))?.agrees,
    paces: Object.fromEntries(task.batches.map((batch) => [batch, {
      forward: middle(({ paces }) => paces[batch].forward),
      step: middle(({ paces }) => paces[batch].step),
    }])),
    'first step': middle(({ first }) => first),
    'open to first step': middle(({ open, load, first }) => (first === null ? null : open + load + first)),
    'peak memory': median(all.map(({ memory }) => memory)),
    program: await program(all[0].sent),
  });
}
server.close();

const result = {
  adapter,
  networks: 'coil20-32 is the shipped network of coil20 on the middle 32×32 pixels; coil20 takes 128×128, photos 224×224; photos-read is the same network as photos, exported and read again; resnet18 and mobilenetv2 are read from ONNX files',
  rounds: ROUNDS,
  units: 'milliseconds and bytes; medians over the rounds; an attack step is a forward pass, the gradient of the cross-entropy in the pixels, sign and clip',
  agreement,
  rows,
};
if (chosen.length === 1 && backends.length === 1) await record(version, result, `speed-${backends[0]}`, chosen);

/** Milliseconds with one decimal below 10, else rounded. @param {number} value */
const shown = (value) => (value === Infinity ? '–' : value < 10 ? value.toFixed(1) : String(Math.round(value)));
for (const network of names) {
  for (const backend of backends) {
    const of = rows.filter((row) => row.network === network && row.backend === backend);
    // The same network, built in, is the opponent of the one that is read.
    const builtIn = rows.filter((row) => network === 'photos-read' && row.network === 'photos' && row.backend === backend && row.library === 'Decoy');
    of.push(...builtIn.map((row) => ({ ...row, library: 'built in' })));
    for (const batch of batches[network]) {
      for (const what of networks[network].steps ? /** @type {const} */ (['forward', 'step']) : /** @type {const} */ (['forward'])) {
        const values = of.map(({ library, threads = 1, paces, agrees }) => ({ library, threads, agrees, value: paces[batch][what] ?? Infinity }));
        const written = values.map(({ library, threads, agrees, value }) => (
          `${library}${threads > 1 ? ` with ${threads} threads` : ''} ${shown(value)} ms${agrees ? '' : ' (no gradient, or another)'}`));
        // Decoy's opponents are those with no more threads.
        const ratios = values.filter(({ library }) => library === 'Decoy').map(({ threads, value }) => {
          const others = values.filter((other) => other.library !== 'Decoy' && other.threads <= threads && (other.agrees || what === 'forward'));
          return (Math.min(...others.map((other) => other.value)) / value).toFixed(2);
        });
        console.log(`${network} ${backend}, batch ${batch}, ${what}: ${written.join(', ')} → ${ratios.join(', ')} times as fast as the best other`);
      }
    }
  }
}
