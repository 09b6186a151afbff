// A browser without WebGPU: everything works on the CPU, and the page says so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fool, launch, ready, runOn, search, visit } from './site.js';

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
