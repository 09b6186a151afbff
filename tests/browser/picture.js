// Writes docs/robustness.png, the picture of the measured chart in the README:
// `node tests/browser/picture.js` while `cargo xtask serve` runs.

import { mkdir } from 'node:fs/promises';
import { launch, visit } from './site.js';

const browser = await launch({ webgpu: false });
await mkdir('docs', { recursive: true });
await visit(
  browser,
  async (page) => {
    await page.locator('#chart canvas').waitFor();
    // Nothing but the chart and what belongs to it: no picture of the data set.
    await page.locator('#chart').locator('..').screenshot({ path: 'docs/robustness.png' });
  },
  { viewport: { width: 1000, height: 900 }, colorScheme: 'light', deviceScaleFactor: 1.5 },
);
await browser.close();
