// Writes docs/robustness.png, the picture of the measured chart in the README:
// `node tests/browser/picture.js` while `cargo xtask serve` runs.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { duck, launch, ready, visit } from './site.js';

const browser = await launch({ webgpu: false });
await mkdir('docs', { recursive: true });
await visit(
  browser,
  async (page) => {
    await ready(page);
    const caption = page.locator('#chart-caption').filter({ hasText: '95 % intervals' });
    await page.locator('#chart canvas').scrollIntoViewIfNeeded();
    // The chart and what it says of itself, and no picture of the data set.
    const [top, bottom] = await Promise.all([page.locator('#chart').boundingBox(), caption.boundingBox()]);
    assert.ok(top && bottom);
    const clip = { x: top.x, y: top.y, width: top.width, height: bottom.y + bottom.height - top.y };
    await page.screenshot({ path: 'docs/robustness.png', clip });
  },
  { at: duck, viewport: { width: 1000, height: 3000 }, colorScheme: 'light', deviceScaleFactor: 1.5 },
);
await browser.close();
