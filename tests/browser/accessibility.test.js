// Keyboard, screen reader, small and large screens, light and dark.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { attacks, choose, duck, fool, give, launch, ready, runOn, says, search, small, toys, verdict, visit, withoutObjects, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const width of [390, 1280]) {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`axe finds nothing serious, and nothing overflows, ${width} px, ${colorScheme}`, async () => {
      await visit(browser, async (page) => {
        await runOn(page, 'CPU');
        await ready(page);
        await inspect(page, 'ready');
        await choose(page, 'pgd');
        await page.getByText('More parameters').click();
        await inspect(page, 'all parameters of an attack');
        for (const sign of ['What it runs on', 'About this network']) await page.getByLabel(sign).click();
        await inspect(page, 'what is behind the signs');
        for (const sign of ['What it runs on', 'About this network']) await page.getByLabel(sign).click();
        await choose(page, 'deepfool');
        await inspect(page, 'an attack without a target');
        await choose(page, 'ddn');
        await page.getByRole('button', { name: 'Crop' }).click();
        await inspect(page, 'cropping');
        await search(page, 10);
        await fool(page);
        await page.getByText('The same figures as a table').click();
        await page.getByText('Credits of the pictures').click();
        await page.getByRole('combobox', { name: 'Make it see' }).fill('cat');
        await give(page, { name: 'no.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
        await page.getByRole('alert').getByRole('button').waitFor();
        await inspect(page, 'fooled, with an error');
        for (const box of await page.locator('.chart-controls').getByRole('checkbox').all()) if (await box.isVisible()) await box.check();
        await inspect(page, 'every line of the chart');
        await page.getByLabel('Show').selectOption('share still read correctly');
        await inspect(page, 'the share still read correctly');
        await page.getByRole('alert').getByRole('button', { name: 'Dismiss' }).click(); // it covers what is clicked next
        if (!withoutObjects) {
          await page.getByAltText('duck').click();
          await says(page, /The network sees “duck”/);
          await inspect(page, 'the objects on a turntable');
        }
        if (!withoutSheet) {
          await page.getByRole('radiogroup', { name: 'Class' }).getByRole('radio').first().check({ force: true });
          await page.getByRole('radiogroup', { name: `Picture: ${small.labels[0]}` }).waitFor();
          await ready(page);
          await inspect(page, 'the classes of small pictures');
        }
      }, { viewport: { width, height: 844 }, colorScheme });
    });
  }
}

/** @param {Page} page @param {string} when */
async function inspect(page, when) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations.filter((/** @type {any} */ { impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(serious.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ { html }) => html)}`), [], when);
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.equal(content, screen, `${when}: the page scrolls sideways`);
}

test('the whole path works with the keyboard alone', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    const device = page.getByLabel('Run on');
    await tabTo(page, device);
    await page.keyboard.type('CPU');
    await ready(page);

    await tabTo(page, page.getByRole('button', { name: 'Fool the network' }));
    await page.keyboard.press('Enter');
    await says(page, /^Fooled/);

    await tabTo(page, page.getByRole('slider', { name: 'Noise in training' }));
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction((id) => location.hash.includes(id), toys.models[1].id);
    await says(page, /^Fooled/);
    assert.equal(await page.locator('#dial-value').textContent(), `σ = ${toys.models[1].sigma.toFixed(2)}`);

    const chooser = page.waitForEvent('filechooser');
    await tabTo(page, page.getByLabel('Use your own picture'), 'Shift+Tab');
    await page.keyboard.press('Enter');
    assert.ok(await chooser);

    await tabTo(page, page.getByRole('button', { name: 'Fool the network' }), 'Shift+Tab');
    await page.keyboard.press('Space');
    await page.keyboard.press('Escape');
    await verdict(page).filter({ hasText: /^(Cancelled|Fooled)/ }).waitFor();
  }, { at: duck });
});

test('the photo, what the network sees in it and the button are on the first screen', async () => {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
    await visit(browser, async (page) => {
      await runOn(page, 'CPU');
      await ready(page);
      for (const element of [page.getByRole('img', { name: /^The original picture/ }), verdict(page), page.getByRole('button', { name: 'Fool the network' })]) {
        const box = await element.boundingBox();
        assert.ok(box && box.y >= 0 && box.y + box.height <= viewport.height, `${element} at ${viewport.width} px: ${JSON.stringify(box)}`);
      }
    }, { viewport });
  }
});

test('where the system chooses the colours, what was told by colour alone is told', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await search(page, 10);
    await fool(page);
    await page.getByLabel('Make it see').fill('cat');
    const style = (/** @type {string} */ selector) => page.locator(selector).first().evaluate((element) => {
      const { backgroundColor, backgroundImage, borderTopColor, borderTopWidth, color } = getComputedStyle(element);
      return { backgroundColor, backgroundImage, borderTopColor, borderTopWidth, color };
    });
    /** @type {[string, string][]} */
    const pairs = [
      ['.bars .is-before .fill', '.bars .track'],
      ['.bars .is-after .fill', '.bars .track'],
      ['.bars .is-before .fill', '.bars .is-after .fill'],
      ['.bars li:not([class]) .fill', '.bars .track'],
      ['#run .fill', '#run .track'],
      ['.thumbs input:checked + img', '.thumbs input:not(:checked) + img'],
      ['.wipe-zoom :checked + span', '.wipe-zoom :not(:checked) + span'],
    ];
    for (const [one, other] of pairs) assert.notDeepEqual(await style(one), await style(other), `${one} looks like ${other}`);
    assert.match((await style('.wipe-line')).backgroundImage, /rgb\(0, 0, 0\).*rgb\(255, 255, 255\)/);
    await page.getByRole('button', { name: 'Crop' }).click();
    assert.equal((await style('.crop-frame')).borderTopColor, 'rgb(255, 255, 255)');
    const colours = await page.locator('.swatch').evaluateAll((swatches) => swatches.map((swatch) => getComputedStyle(swatch).background));
    assert.equal(new Set(colours).size, colours.length, 'the legend of the chart');
  }, { forcedColors: 'active' });
});

test('zoomed to 200 %, nothing sticks out to the side', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  }, { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
});

for (const locale of ['de-DE', 'ar-EG', 'hi-IN']) {
  test(`figures are written the same in a browser of ${locale}`, async () => {
    await visit(browser, async (page) => {
      await runOn(page, 'CPU');
      assert.match(await ready(page), /, \d+\.\d % sure/);
    }, { locale });
  });
}

/** Presses Tab until the element has the focus, which must be visible. @param {Page} page @param {Locator} element @param {'Tab' | 'Shift+Tab'} [key] */
async function tabTo(page, element, key = 'Tab') {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press(key);
    if (!(await element.evaluate((node) => node === document.activeElement))) continue;
    const ring = await element.evaluate((node) => {
      const marked = [node, node.nextElementSibling].filter((candidate) => candidate !== null);
      return marked.some((candidate) => getComputedStyle(candidate).outlineStyle !== 'none');
    });
    assert.ok(ring, 'the focus shows');
    return;
  }
  assert.fail(`the keyboard does not reach ${element}`);
}
