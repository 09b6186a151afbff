// Memory of the browser's processes while Decoy attacks a thousand pictures, on both devices. `cargo xtask bench
// memory` builds what is needed and runs it; it writes benches/results/memory.json.

import { launch } from '../../tests/browser/launch.js';
import { memory } from './processes.js';
import { record } from './record.js';
import { serve } from './server.js';

const MODEL = 'coil20-sigma-0.00';
const QUARTERS = 4;
const ATTACKS = 250;
const STEPS = 5;

/** @typedef {{ attack(): Promise<number>, bytes(): number }} Bench functions of the page: the size of its wasm memory, and an attack that returns ‖Δx‖₂ */

/** Opens Decoy with one network and one picture. Runs in the page. @param {{ device: string, model: string, steps: number }} options */
async function open({ device, model, steps }) {
  const { default: init, Decoy } = await import(/** @type {any} */ ('/pkg/decoy.js'));
  const { memory } = await init({ module_or_path: '/pkg/decoy_bg.wasm' });
  const decoy = await Decoy.create(await (await fetch('/www/models/models.json')).text(), device);
  await decoy.loadModel(model, new Uint8Array(await (await fetch(`/www/models/${model}.safetensors`)).arrayBuffer()));
  if (decoy.device().kind !== device) throw new Error(decoy.device().notice);
  const side = 128;
  const rgba = Uint8ClampedArray.from({ length: 4 * side * side }, (_, index) => 128 + 127 * Math.sin((index >> 2) * 0.37));
  /** @type {Bench} */
  const bench = {
    attack: async () => (await decoy.attack(model, { width: side, height: side, rgba }, { attack: 'ddn', steps })).report.norms.l2,
    bytes: () => memory.buffer.byteLength,
  };
  Object.assign(globalThis, { bench });
}

/** Attacks this many pictures. Runs in the page. @param {number} attacks */
async function attack(attacks) {
  const { bench } = /** @type {{ bench: Bench }} */ (/** @type {unknown} */ (globalThis));
  let norm = 0;
  for (let i = 0; i < attacks; i++) norm = await bench.attack();
  return { norm, wasm: bench.bytes() };
}

const server = await serve();
let version = '';
const megabytes = (/** @type {number} */ bytes) => Math.round(bytes / 1e6);

/** @type {Record<string, { wasm: number, processes: number }[]>} */
const held = {};
for (const device of ['cpu', 'webgpu']) {
  const browser = await launch();
  version = browser.version();
  const page = await browser.newPage();
  page.setDefaultTimeout(1_200_000);
  await page.goto(server.address);
  await page.evaluate(open, { device, model: MODEL, steps: STEPS });
  held[device] = [];
  for (const attacks of [1, ...Array.from({ length: QUARTERS }, () => ATTACKS)]) {
    const { norm, wasm } = await page.evaluate(attack, attacks);
    if (!(norm > 0)) throw new Error(`an attack of ‖Δx‖₂ ${norm}: expected one that changes the picture`);
    held[device].push({ wasm: megabytes(wasm), processes: megabytes(await memory(browser, 'VmRSS')) });
    console.log(device, held[device].at(-1));
  }
  await browser.close();
}
server.close();

await record(version, {
  model: MODEL,
  attacks: `DDN, ${STEPS} steps, one picture at a time`,
  units: `megabytes after 1 attack and after each ${ATTACKS} more: the memory of the wasm module; of the page's process and the GPU's together, their programs included`,
  held,
});
