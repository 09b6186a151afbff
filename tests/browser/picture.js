// Writes the pictures of the README, docs/fooled.png, docs/noise-strip.png and docs/robustness.png:
// `node tests/browser/picture.js` while `cargo xtask serve` runs.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { duck, fool, launch, ready, visit } from './site.js';

/** @typedef {import('playwright-core').Locator} Locator */

/** A picture of the page from the top of one part to the bottom of another. @param {string} name @param {Locator} first @param {Locator} last */
async function picture(name, first, last) {
  await first.scrollIntoViewIfNeeded();
  const [top, bottom] = await Promise.all([first.boundingBox(), last.boundingBox()]);
  assert.ok(top && bottom);
  const clip = { x: top.x, y: top.y, width: Math.max(top.width, bottom.width), height: bottom.y + bottom.height - top.y };
  await first.page().screenshot({ path: `docs/${name}.png`, clip });
}

const look = /** @type {const} */ ({ viewport: { width: 1000, height: 3600 }, colorScheme: 'light', deviceScaleFactor: 1.5 });
const browser = await launch({ webgpu: false });
await mkdir('docs', { recursive: true });

await visit(browser, async (page) => {
  await ready(page);
  await fool(page);
  await picture('fooled', page.locator('#stage'), page.locator('.outcome'));
  await page.getByRole('button', { name: 'Fool every network' }).click();
  await page.getByRole('button', { name: 'Fool every network' }).waitFor();
  await picture('noise-strip', page.locator('#strip ol'), page.locator('#strip ol'));
}, look);

await visit(browser, async (page) => {
  await ready(page);
  const caption = page.locator('#chart-caption').filter({ hasText: 'against σ' });
  await caption.waitFor();
  // The chart and its caption, without pictures of the data set.
  await picture('robustness', page.locator('#chart'), caption);
}, { at: duck, ...look });

await browser.close();
