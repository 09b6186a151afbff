// Failures of a GPU: no adapter, no answer, rejected commands, a lost device, results that the CPU does not confirm.
// Each time the page says so, and the CPU continues with the same picture and settings.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { duck, fool, launch, patch, ready, runOn, says, search, visit, withoutObjects } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const alert = (/** @type {Page} */ page) => page.getByRole('alert').locator('p');
const device = async (/** @type {Page} */ page) => (await page.locator('#device-report').textContent()) ?? '';
/** Adds a line at the start of the worker's script. @param {string} line */
const worker = (line) => (/** @type {Page} */ page) => patch(page, '**/worker.js', line, 'before');

/** The page takes the GPU, which is software here, for one of hardware. */
const HARDWARE = 'Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { value: false });';

for (const choice of /** @type {const} */ (['automatic', 'WebGPU'])) {
  for (const [what, line] of [
    ['no adapter comes', 'navigator.gpu.requestAdapter = () => new Promise(() => {});'],
    ['no device comes', 'GPUAdapter.prototype.requestDevice = () => new Promise(() => {});'],
    ['nothing can be read', 'GPUBuffer.prototype.mapAsync = () => new Promise(() => {});'],
  ]) {
    test(`where ${what}, “${choice}” runs on the CPU after ten seconds`, { skip: withoutObjects }, async () => {
      await visit(browser, async (page) => {
        if (choice !== 'automatic') await runOn(page, choice);
        await ready(page);
        assert.equal(await device(page), 'Running on the CPU. The GPU has not answered for 10 seconds, so the CPU is used; the results are the same.');
        await search(page, 6);
        await fool(page);
      }, { at: duck, before: async (page) => {
        await page.addInitScript(HARDWARE);
        await worker(line)(page);
      } });
    });
  }
}

const REJECTING = `
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (description) {
    return create.call(this, self.rejecting ? { ...description, code: 'no shader' } : description);
  };`;

/** Rejects shaders without a visible error: only a later query reports it. */
const QUIETLY_REJECTING = `
  const create = GPUDevice.prototype.createShaderModule;
  const pop = GPUDevice.prototype.popErrorScope;
  let asked = false;
  GPUDevice.prototype.createShaderModule = function (description) {
    asked = self.rejecting;
    return create.call(this, description);
  };
  GPUDevice.prototype.popErrorScope = async function () {
    const answer = asked ? new GPUValidationError('no shader') : null;
    asked = false;
    return (await pop.call(this)) ?? answer;
  };`;

for (const [what, line, words] of [
  ['rejects a shader quietly', `${QUIETLY_REJECTING} self.rejecting = true;`, 'The GPU’s driver rejected a part of the computation'],
  ['rejects a shader', `${REJECTING} self.rejecting = true;`, 'The GPU’s driver rejected a part of the computation'],
  ['is lost at once', 'const request = GPUAdapter.prototype.requestDevice; GPUAdapter.prototype.requestDevice = async function (...asked) { const device = await request.apply(this, asked); setTimeout(() => device.destroy(), 100); return device; };', 'The GPU was lost'],
]) {
  test(`a GPU that ${what} is left before it is used`, { skip: withoutObjects }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, 'WebGPU');
      await ready(page);
      const report = await device(page);
      assert.ok(report.startsWith('Running on the CPU.') && report.includes(words), report);
      await search(page, 6);
      await fool(page);
    }, { at: duck, before: worker(line) });
  });
}

for (const [what, line, harm, words] of [
  ['rejects a shader quietly', QUIETLY_REJECTING, 'self.rejecting = true', /^The GPU’s driver rejected a part of the computation\. Try again: the CPU takes over\.$/],
  ['rejects a shader', REJECTING, 'self.rejecting = true', /^The GPU’s driver rejected a part of the computation\. Try again: the CPU takes over\.$/],
  ['does not answer any more', 'const map = GPUBuffer.prototype.mapAsync; GPUBuffer.prototype.mapAsync = function (...asked) { return self.silent ? new Promise(() => {}) : map.apply(this, asked); };', 'self.silent = true', /^The GPU has not answered for 30 seconds\. Try again: the CPU takes over\.$/],
  ['has no memory left', 'const request = GPUAdapter.prototype.requestDevice; GPUAdapter.prototype.requestDevice = async function (...asked) { return (self.gpu = await request.apply(this, asked)); };', 'self.gpu.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error: new GPUOutOfMemoryError("full") }))', /^The GPU’s memory is full\. Try again: the CPU takes over\.$/],
]) {
  test(`a GPU that ${what} in the middle of it is left, and the CPU goes on`, { skip: withoutObjects }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, 'WebGPU');
      const seen = await ready(page);
      await search(page, 1000);
      await page.workers()[0].evaluate(String(harm));
      await page.getByRole('button', { name: 'Fool the network' }).click();
      await alert(page).filter({ hasText: words }).waitFor();
      assert.match(await says(page, /The network sees/), new RegExp(seen.slice(0, 20)));
      await search(page, 20);
      await page.getByRole('button', { name: 'Try again' }).click();
      await says(page, /^Fooled/);
      assert.match(await device(page), /^Running on the CPU( \(\d+ threads\))?\. The computation on the GPU had stopped\. The GPU.+\.$/);
      assert.doesNotMatch((await page.locator('#eight-bit').textContent()) ?? '', /CPU/, 'nothing is left to be checked');
    }, { at: duck, before: worker(String(line)) });
  });
}

test('a GPU result is checked on the CPU', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'WebGPU');
    await ready(page);
    await search(page, 10);
    await fool(page);
    await page.locator('#eight-bit').filter({ hasText: /still misread as .+The CPU sees the same, \d+\.\d % sure\.$/ }).waitFor();
    await says(page, /^Fooled/);
    await page.locator('#legend').getByText('this picture').waitFor();
    await page.getByRole('slider', { name: 'Noise in training' }).fill('1');
    // The attack on one network is repeated on the other.
    await page.locator('td.picture:not(:empty)').nth(1).waitFor({ state: 'attached' });
    await page.locator('#eight-bit').filter({ hasText: /The CPU sees the same/ }).waitFor();
  }, { at: duck });
});

test('an unconfirmed result does not count as fooled', { skip: withoutObjects }, async () => {
  const wrong = 'const attack = Decoy.prototype.attack; Decoy.prototype.attack = async function (model, picture, ...more) { return { ...(await attack.call(this, model, picture, ...more)), adversarial: { ...picture } }; };';
  await visit(browser, async (page) => {
    await runOn(page, 'WebGPU');
    await ready(page);
    await search(page, 10);
    await page.getByRole('button', { name: 'Fool the network' }).click();
    const said = await says(page, /^Not called fooled: .+ and the CPU disagree\..+the other “duck”/);
    assert.ok(((await page.locator('#eight-bit').textContent()) ?? '').endsWith(said));
    assert.ok(await page.locator('#legend').getByText('this picture').isHidden(), 'nor does the chart show it');
  }, { at: duck, before: (page) => patch(page, '**/pkg/decoy.js', wrong) });
});
