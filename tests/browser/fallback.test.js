// A browser without WebGPU: everything works on the CPU, with all cores where that can be, and the page says so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fool, launch, patch, ready, runOn, runsOn, search, visit } from './site.js';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

for (const choice of /** @type {const} */ (['automatic', 'WebGPU'])) {
  test(`without WebGPU, “${choice}” runs on the CPU and says so`, async () => {
    await visit(browser, async (page) => {
      await runOn(page, choice);
      await ready(page);
      const report = (await page.locator('#device-report').textContent()) ?? '';
      assert.match(report, /^Running on the CPU( \(\d+ threads\))?\. .*\w/);
      await search(page, 10);
      await fool(page);
    });
  });
}

test('all cores compute, and with one thread the result is the same', async () => {
  const [all, one] = await Promise.all([[], ['Object.defineProperty(self, "crossOriginIsolated", { value: false });']].map(async ([line]) => {
    let words = '';
    /** @type {string[]} */
    const modules = [];
    await visit(browser, async (page) => {
      await ready(page);
      const { several, cores } = await page.evaluate(() => ({ several: document.querySelector('link[href*="threads"][data-bytes]') !== null, cores: navigator.hardwareConcurrency }));
      await runsOn(page, several && cores > 1 && !line ? /^Running on the CPU \(\d+ threads\)\./ : /^Running on the CPU\./);
      await search(page, 10);
      await fool(page);
      words = (await page.getByText(/^Smallest found in 10 steps: .+ of 255\./).textContent())?.split(' of 255')[0] ?? '';
    }, { before: async (page) => {
      page.on('request', (request) => request.url().endsWith('.wasm') && modules.push(request.url()));
      if (line) await patch(page, '**/program.js', line, 'before');
    } });
    assert.equal(modules.length, 1, `one of the two modules is fetched, not ${modules}`);
    return words;
  }));
  assert.ok(all && all === one, `${all} and ${one}`);
});

test('where no worker can start workers, as in older browsers, one thread computes', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await runsOn(page, /^Running on the CPU\. /);
    await search(page, 10);
    await fool(page);
  }, { before: (page) => patch(page, '**/worker.js', 'delete self.Worker;', 'before') });
});
