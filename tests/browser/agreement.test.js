// The same logits and the same gradient on WebGPU, on the CPU in wasm, and natively; the same logits by ONNX Runtime.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exported, launch, parts, photos, visit } from './site.js';

/** Written by tests/golden.rs: a network, a picture, and its native logits and gradient. */
const fixture = (/** @type {string} */ name) => readFile(new URL(`../fixtures/${name}`, import.meta.url));
const golden = JSON.parse((await fixture('golden.json')).toString());
const image = [...(await fixture(golden.image))];

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const kind of /** @type {const} */ (['cpu', 'webgpu'])) {
  test(`logits and gradient on ${kind} are the native ones`, async () => {
    await visit(browser, async (page) => {
      const { report, logits, gradient } = await page.evaluate(async ({ golden, image, kind, parts }) => {
        /** @type {typeof import('../../pkg/decoy.js')} */
        const { default: init, Decoy } = await import(new URL(`${parts}pkg/decoy.js`, location.href).href);
        await init({ module_or_path: new URL(`${parts}pkg/decoy_bg.wasm`, location.href) });
        const decoy = await Decoy.create(await (await fetch(`${parts}models/models.json`)).text(), kind);
        const family = decoy.catalog().families.find(({ models }) => models.some(({ id }) => id === golden.model));
        const entry = family?.models.find(({ id }) => id === golden.model);
        const weights = await (await fetch(`models/${entry?.file}`)).arrayBuffer();
        await decoy.loadModel(golden.model, new Uint8Array(weights));
        const picture = decoy.decode(family?.id ?? '', new Uint8Array(image));
        const pixels = Float32Array.from(picture.rgba.filter((_, place) => place % 4 === 0), (grey) => grey / 255);
        const values = await decoy.gradient(golden.model, pixels, new Uint32Array([golden.logits.indexOf(Math.max(...golden.logits))]));
        return { report: decoy.device(), logits: [...values.slice(0, -pixels.length)], gradient: [...values.slice(-pixels.length)] };
      }, { golden, image, kind, parts });

      assert.equal(report.kind, kind, report.notice ?? '');
      // Sums of thousands of f32 products in another order differ only in the last digits, not in the fourth.
      close(logits, golden.logits, 1e-4, 'logits');
      close(gradient.filter((_, index) => index % golden.gradient_stride === 0), golden.gradient, 1e-3, 'gradient');
    });
  });
}

test('the photo network stays on WebGPU and has the gradient there that it has on the CPU', async () => {
  await visit(browser, async (page) => {
    const [cpu, webgpu] = await page.evaluate(async (parts) => {
      /** @type {typeof import('../../pkg/decoy.js')} */
      const { default: init, Decoy } = await import(new URL(`${parts}pkg/decoy.js`, location.href).href);
      await init({ module_or_path: new URL(`${parts}pkg/decoy_bg.wasm`, location.href) });
      const catalog = await (await fetch(`${parts}models/models.json`)).text();
      /** @param {'cpu' | 'webgpu'} kind */
      const compute = async (kind) => {
        const decoy = await Decoy.create(catalog, kind);
        const { file, id } = decoy.catalog().families[0].models[0];
        await decoy.loadModel(id, new Uint8Array(await (await fetch(`models/${file}`)).arrayBuffer()));
        const { input } = decoy.catalog().families[0];
        const pixels = Float32Array.from({ length: input.channels * input.height * input.width }, (_, index) => 0.5 + 0.5 * Math.sin(index * 0.37));
        const values = await decoy.gradient(id, pixels, new Uint32Array([1]));
        return { kind: decoy.device().kind, logits: [...values.slice(0, -pixels.length)], gradient: [...values.slice(-pixels.length)] };
      };
      return [await compute('cpu'), await compute('webgpu')];
    }, parts);
    assert.deepEqual([cpu.kind, webgpu.kind], ['cpu', 'webgpu']);
    close(webgpu.logits, cpu.logits, 1e-4, 'logits');
    // Rounding switches off a few ReLUs whose input is nearly 0, so that single values may differ by more.
    const length = (/** @type {number[]} */ values) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
    const difference = length(webgpu.gradient.map((value, index) => value - cpu.gradient[index])) / length(cpu.gradient);
    assert.ok(difference < 0.02, `the gradients differ by ${difference} of their length`);
  });
});

/** ONNX Runtime's files, as the page finds them beside the site. @param {import('./site.js').Page} page @param {Buffer} network */
async function withRuntime(page, network) {
  const folder = new URL('../../node_modules/onnxruntime-web/dist/', import.meta.url);
  await page.route('**/onnxruntime/**', (route) => route.fulfill({ path: fileURLToPath(new URL(basename(new URL(route.request().url()).pathname), folder)) }));
  await page.route('**/network.onnx', (route) => route.fulfill({ body: network }));
}

for (const id of [golden.model, photos.models[0].id]) {
  test(`ONNX Runtime has the same logits of ${id}, on the CPU and on WebGPU`, async () => {
    const network = exported(id);
    await visit(browser, async (page) => {
      const found = await page.evaluate(async ({ id, parts }) => {
        /** @type {typeof import('../../pkg/decoy.js')} */
        const { default: init, Decoy } = await import(new URL(`${parts}pkg/decoy.js`, location.href).href);
        await init({ module_or_path: new URL(`${parts}pkg/decoy_bg.wasm`, location.href) });
        const catalog = await (await fetch(`${parts}models/models.json`)).text();
        const found = [];
        for (const [kind, provider] of /** @type {const} */ ([['cpu', 'wasm'], ['webgpu', 'webgpu']])) {
          const decoy = await Decoy.create(catalog, kind);
          const family = decoy.catalog().families.find(({ models }) => models.some((model) => model.id === id));
          const { channels, height, width } = family?.input ?? { channels: 0, height: 0, width: 0 };
          const pixels = Float32Array.from({ length: channels * height * width }, (_, index) => 0.5 + 0.5 * Math.sin(index * 0.37));
          const weights = await (await fetch(`models/${family?.models.find((model) => model.id === id)?.file}`)).arrayBuffer();
          await decoy.loadModel(id, new Uint8Array(weights));
          const ours = [...await decoy.gradient(id, pixels, new Uint32Array([0]))].slice(0, -pixels.length);

          const runtime = await import(new URL(`onnxruntime/ort.${provider}.bundle.min.mjs`, location.href).href);
          Object.assign(runtime.env.wasm, { wasmPaths: new URL('onnxruntime/', location.href).href, numThreads: 1 });
          const session = await runtime.InferenceSession.create(new URL('network.onnx', location.href).href, { executionProviders: [provider], logSeverityLevel: 3 });
          const input = new runtime.Tensor('float32', pixels, [1, channels, height, width]);
          const outputs = await session.run({ [session.inputNames[0]]: input });
          found.push({ kind: decoy.device().kind, ours, theirs: [...await outputs[session.outputNames[0]].getData()] });
        }
        return found;
      }, { id, parts });
      assert.deepEqual(found.map(({ kind }) => kind), ['cpu', 'webgpu']);
      for (const { kind, ours, theirs } of found) close(ours, theirs, 1e-4, `logits on ${kind}`);
    }, { before: (page) => withRuntime(page, network) });
  });
}

test('every attack does on WebGPU what it does on the CPU, and keeps within its part on both; votes are the same', async () => {
  await visit(browser, async (page) => {
    const results = await page.evaluate(async ({ golden, image, parts }) => {
      /** @type {typeof import('../../pkg/decoy.js')} */
      const { default: init, Decoy } = await import(new URL(`${parts}pkg/decoy.js`, location.href).href);
      await init({ module_or_path: new URL(`${parts}pkg/decoy_bg.wasm`, location.href) });
      const catalog = await (await fetch(`${parts}models/models.json`)).text();
      /** The size found by every attack in every norm, in a few steps. @param {'cpu' | 'webgpu'} kind */
      const all = async (kind) => {
        const decoy = await Decoy.create(catalog, kind);
        const family = decoy.catalog().families.find(({ models }) => models.some(({ id }) => id === golden.model));
        const entry = family?.models.find(({ id }) => id === golden.model);
        await decoy.loadModel(golden.model, new Uint8Array(await (await fetch(`models/${entry?.file}`)).arrayBuffer()));
        const picture = decoy.decode(family?.id ?? '', new Uint8Array(image));
        const found = [];
        for (const { name, forms } of decoy.attacks()) {
          for (const { norm, parameters } of forms) {
            const few = { steps: 4, candidates: 2, targets: 2 };
            const known = Object.entries(few).filter(([parameter]) => parameters.some((each) => each.name === parameter));
            // Also searches for the smallest radius, if the attack can.
            const searches = parameters.some((each) => each.name === 'searches') && norm === 'linf' ? { searches: 2 } : {};
            if (name === 'ensemble') continue; // it consists of the other attacks
            const options = { attack: name, norm, ...Object.fromEntries(known), ...searches };
            const { report } = await decoy.attack(golden.model, picture, options);
            const { adversarial } = await decoy.attack(golden.model, picture, { ...options, region: '32,32,64,64' });
            const outside = [...adversarial.rgba.keys()].filter((place) => {
              const [x, y] = [(place >> 2) % picture.width, Math.floor((place >> 2) / picture.width)];
              return adversarial.rgba[place] !== picture.rgba[place] && !(x >= 32 && x < 96 && y >= 32 && y < 96);
            });
            found.push({ what: JSON.stringify(options), size: report.norms[norm], flags: report.flags, outside: outside.length });
          }
        }
        const certificate = await decoy.certify(golden.model, picture, { sigma: 1, choose: 20, count: 200, alpha: 0.001, seed: 3 });
        return { kind: decoy.device().kind, found, certificate };
      };
      return [await all('cpu'), await all('webgpu')];
    }, { golden, image, parts });
    const [cpu, webgpu] = results;
    // The noise is the same; a vote that is a draw but for rounding may turn.
    assert.equal(webgpu.certificate.class, cpu.certificate.class);
    assert.ok(Math.abs(webgpu.certificate.votes - cpu.certificate.votes) <= 1, `${webgpu.certificate.votes} votes on WebGPU, ${cpu.certificate.votes} on the CPU`);
    assert.deepEqual([cpu.kind, webgpu.kind], ['cpu', 'webgpu']);
    for (const { what, outside } of [...cpu.found, ...webgpu.found]) assert.equal(outside, 0, `${what} changes pixels outside of its part`);
    for (const [index, { what, size, flags }] of webgpu.found.entries()) {
      assert.deepEqual(flags, [], what);
      const expected = cpu.found[index].size;
      // The sign of a gradient near 0 may differ, and so may a few pixels.
      assert.ok(Math.abs(size - expected) <= 0.02 * expected, `${what}: ${size} on WebGPU, ${expected} on the CPU`);
    }
  });
});

/** @param {number[]} found @param {number[]} expected @param {number} tolerance relative to the largest value @param {string} what */
function close(found, expected, tolerance, what) {
  assert.equal(found.length, expected.length, what);
  const largest = Math.max(...expected.map(Math.abs));
  const difference = Math.max(...found.map((value, index) => Math.abs(value - expected[index])));
  assert.ok(difference <= tolerance * largest, `${what} differ by ${difference}, the largest is ${largest}`);
}
