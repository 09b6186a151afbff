// “Measure here”: a short measurement completes, a long one is cancelled.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { coil20, duck, launch, ready, runOn, search, visit, withoutObjects } from './site.js';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** @param {import('./site.js').Page} page @param {number} images @param {number} steps */
async function measure(page, images, steps) {
  await runOn(page, 'CPU');
  await ready(page);
  await page.getByText('The same figures as a table').click();
  await search(page, steps);
  await page.getByLabel('Number of pictures').fill(String(images));
  await page.getByRole('button', { name: 'Measure here' }).press('Enter');
}

test('a short measurement is drawn beside the shipped curve', { skip: withoutObjects }, async () => {
  const { models } = coil20;
  await visit(browser, async (page) => {
    await measure(page, 5, 10);
    await page.getByText(`Measured 5 pictures on ${models.length} networks`).waitFor();
    const cells = await page.locator('td.here').allTextContents();
    assert.equal(cells.length, models.length);
    for (const cell of cells) assert.match(cell, /^[\d.∞]+/);
    await page.getByRole('listitem').filter({ hasText: 'measured here, 5 pictures' }).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Fool the network' }).isEnabled());
  }, { at: duck });
});

test('a long measurement is cancelled, and what conflicts with it waits', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await measure(page, 200, 100);
    await page.getByText(/^[1-9]\d* of \d+ attacks/).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Fool the network' }).isDisabled());
    assert.ok(await page.getByRole('slider', { name: 'Noise in the network’s training' }).isDisabled());
    // The focus goes from the one button to the other and back.
    await page.keyboard.press('Enter');
    await page.getByText(/^Cancelled/).waitFor();
    assert.equal(await page.locator(':focus').textContent(), 'Measure here');
    assert.ok(await page.getByRole('button', { name: 'Measure here' }).isEnabled());
    assert.ok(await page.getByRole('button', { name: 'Fool the network' }).isEnabled());
  }, { at: duck });
});
