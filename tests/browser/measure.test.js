// “Measure here”: a short measurement completes for every family that has pictures, a long one can be cancelled.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { duck, families, fool, launch, photos, ready, runOn, says, search, small, toys, visit, withoutObjects, withoutSheet } from './site.js';

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

for (const { family, skip } of [{ family: photos, skip: false }, { family: toys, skip: withoutObjects }, { family: small, skip: withoutSheet }]) {
  test(`a short measurement is drawn beside the shipped curve: ${family.title}`, { skip }, async () => {
    const { models } = family;
    await visit(browser, async (page) => {
      await measure(page, 5, 3);
      // A busy machine takes minutes for the largest networks.
      await page.getByText(`Measured 5 pictures on ${models.length} networks`).waitFor({ timeout: 900_000 });
      const cells = await page.locator('td.here:not(:empty)').allTextContents();
      assert.equal(cells.length, models.length);
      for (const cell of cells) assert.match(cell, /^[\d.∞–]+/);
      await page.getByRole('listitem').filter({ hasText: 'measured here, 5 pictures' }).waitFor();
      assert.ok(await page.getByRole('button', { name: 'Fool the network' }).isEnabled());
    }, { at: `#model=${models[0].id}` });
  });
}

test('how long it takes is said after one search, and follows the number of pictures', async () => {
  const seconds = (/** @type {string} */ text) => {
    const [, value, unit] = /^About ([\d.]+) (ms|s|min) /.exec(text) ?? assert.fail(text);
    return Number(value) * { ms: 0.001, s: 1, min: 60 }[/** @type {'ms' | 's' | 'min'} */ (unit)];
  };
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const cost = page.locator('#sweep-cost');
    assert.match((await cost.textContent()) ?? '', /^Fool the network once/);
    await search(page, 6);
    await fool(page);
    await page.getByLabel('Number of pictures').fill('5');
    const few = seconds((await cost.textContent()) ?? '');
    await page.getByLabel('Number of pictures').fill('10');
    const many = seconds((await cost.textContent()) ?? '');
    assert.ok(few > 0 && many > 1.5 * few && many < 2.5 * few, `${few} s, then ${many} s`);
  });
});

test('what the pictures of a gallery show is said to be unknown only where it is', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const note = page.getByText('what the network without noise sees in them counts as right');
    for (const { title, models, id } of families) {
      await page.evaluate((model) => (location.hash = `#model=${model}`), models[0].id);
      await page.waitForFunction((id) => location.hash.includes(id), models[0].id);
      await ready(page);
      assert.equal(await note.isVisible(), id === photos.id, title);
    }
  });
});

test('a family whose pictures are not here says why, and how to add them', async () => {
  const absent = families[families.length - 1];
  const list = { galleries: families.map(({ id }) => (id === absent.id ? { family: id, present: false, why: 'They are not ours. Run `cargo xtask serve`.' } : { family: id, present: id === photos.id })) };
  await visit(browser, async (page) => {
    await says(page, /^Choose a picture to begin/);
    await page.getByText('They are not ours.').waitFor();
    assert.equal(await page.locator('#sweep-why code').textContent(), 'cargo xtask serve');
    assert.ok(await page.getByRole('button', { name: 'Measure here' }).isDisabled());
    assert.equal(await page.getByRole('radiogroup').count(), 1, 'no gallery but the photographs');
  }, { at: `#model=${absent.models[0].id}`, before: (page) => page.route('**/gallery/gallery.json', (route) => route.fulfill({ json: list })) });
});

test('a long measurement is cancelled, and what conflicts with it waits', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await measure(page, 200, 100);
    await page.getByText(/^[1-9]\d* of \d+ attacks/).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Fool the network' }).isDisabled());
    assert.ok(await page.getByRole('slider', { name: 'Noise in training' }).isDisabled());
    // The focus moves from one button to the other and back.
    await page.keyboard.press('Enter');
    await page.getByText(/^Cancelled/).waitFor();
    assert.equal(await page.locator(':focus').textContent(), 'Measure here');
    assert.ok(await page.getByRole('button', { name: 'Measure here' }).isEnabled());
    assert.ok(await page.getByRole('button', { name: 'Fool the network' }).isEnabled());
  }, { at: duck });
});
