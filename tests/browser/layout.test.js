// Everything needed for an attack is on one screen, before and after it, and the controls do what they show.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { duck, fool, gallery, launch, photos, quoted, ready, says, search, toys, verdict, visit, withoutObjects } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const SCREENS = [[1280, 900], [1280, 720], [390, 844], [320, 640]].map(([width, height]) => ({ width, height }));
const button = (/** @type {Page} */ page) => page.getByRole('button', { name: 'Fool the network' });
const dial = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Noise in training' });
const target = (/** @type {Page} */ page) => page.getByRole('combobox', { name: 'Make it see' });
const stop = (/** @type {Page} */ page, /** @type {{ sigma: number }} */ { sigma }) => page.locator('#dial-marks').getByText(sigma.toFixed(2).replace(/^0/, ''), { exact: true });

/** Checks that the parts needed for an attack are completely visible on the first screen. @param {Page} page @param {{ width: number, height: number }} screen @param {RegExp} picture */
async function together(page, screen, picture) {
  assert.equal(await page.evaluate(() => scrollY), 0);
  for (const element of [page.getByRole('img', { name: picture }), dial(page), target(page), page.getByLabel('How sure'), button(page), page.getByRole('button', { name: 'Fool every network' }), verdict(page)]) {
    const box = await element.boundingBox();
    const seen = box && box.x >= 0 && box.y >= 0 && box.x + box.width <= screen.width && box.y + box.height <= screen.height;
    assert.ok(seen, `${element} at ${screen.width}×${screen.height}: ${JSON.stringify(box)}`);
    // Nothing covers it.
    assert.ok(await element.evaluate((node) => {
      const { left, top, width, height } = node.getBoundingClientRect();
      return [0.1, 0.9].every((share) => {
        const there = document.elementFromPoint(left + width / 2, top + share * height);
        return there?.closest('.frames') || node.contains(there) || there?.contains(node);
      });
    }), `${element} at ${screen.width}×${screen.height} is covered`);
  }
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.equal(content, width, 'nothing sticks out');
}

for (const viewport of SCREENS) {
  for (const [what, at, skip] of /** @type {[string, string, string | false][]} */ ([['a photograph', '', false], ['the duck', duck, withoutObjects]])) {
    test(`picture, dial, target, how sure, button and verdict are on one screen of ${viewport.width}×${viewport.height}, before and after: ${what}`, { skip }, async () => {
      await visit(browser, async (page) => {
        await ready(page);
        await together(page, viewport, /^The original picture/);
        await page.evaluate(() => document.getElementById('attack-form')?.toggleAttribute('open', false));
        await fool(page);
        await together(page, viewport, /^The changed picture/);
      }, { at: at ? `${at}&steps=10` : '#steps=6', viewport });
    });
  }
}

test('Tab order follows the visual order, in both layouts', async () => {
  for (const viewport of [SCREENS[1], SCREENS[2]]) {
    await visit(browser, async (page) => {
      await ready(page);
      const order = ['#crop-open', '#dial', '#target-field', '#sure', '#fool', '#every', '#attack-form > summary', '#copy-link'];
      /** @type {string[]} */
      const reached = [];
      await page.locator('#camera').focus();
      for (let presses = 0; presses < 30 && reached.at(-1) !== order.at(-1); presses += 1) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate((order) => order.find((selector) => document.activeElement?.matches(selector)), order);
        if (at) reached.push(at);
      }
      assert.deepEqual(reached, order);
      const tops = await Promise.all(order.map(async (selector) => (await page.locator(selector).boundingBox())?.y ?? -1));
      for (const [index, top] of tops.entries()) assert.ok(index === 0 || top >= tops[index - 1] - 40, `${order[index]} is not below ${order[index - 1]}: ${tops}`);
    }, { viewport });
  }
});

test('on a phone one picture is seen at a time, the fooled one when it comes; a tap or its name shows another', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const seen = async () => (await Promise.all(['original', 'difference', 'adversarial'].map(async (name) => ((await page.locator(`.${name} .frame`).isVisible()) ? name : '')))).filter(Boolean);
    assert.deepEqual(await seen(), ['original']);
    await page.locator('.original .frame').tap();
    assert.deepEqual(await seen(), ['difference']);
    await page.getByText('Here you will see what is changed').waitFor();
    await page.locator('.difference .frame').tap();
    await page.getByText('the same to you, something else to the network').waitFor();
    await fool(page);
    assert.deepEqual(await seen(), ['adversarial']);
    await page.getByText('looks the same to you').waitFor();
    await page.locator('.frames').getByText('Change', { exact: true }).tap();
    assert.deepEqual(await seen(), ['difference']);
    await page.getByText(/^amplified ×/).waitFor();
    await page.locator('.difference .frame').tap();
    await page.locator('.adversarial .frame').tap();
    assert.deepEqual(await seen(), ['original']);
    // The same with the keyboard.
    await page.getByRole('radio', { name: 'Original' }).focus();
    await page.keyboard.press('ArrowRight');
    assert.deepEqual(await seen(), ['difference']);
    // Another picture is first shown unchanged.
    await page.getByAltText(gallery[1].title).click();
    await page.getByRole('img', { name: `The original picture: ${gallery[1].title}` }).waitFor();
    assert.deepEqual(await seen(), ['original']);
  }, { at: '#steps=6', viewport: { width: 390, height: 844 }, hasTouch: true });
});

test('on a phone the button stays in sight, wherever the experiment is', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await fool(page);
    for (const element of ['#before', '#norms', '#wipe', '#verdict']) {
      await page.locator(element).evaluate((node) => node.scrollIntoView({ block: 'center' }));
      const box = await button(page).boundingBox();
      assert.ok(box && box.y >= 0 && box.y + box.height <= 640, `at ${element}: ${JSON.stringify(box)}`);
    }
  }, { at: '#steps=6', viewport: { width: 320, height: 640 } });
});

test('a stop of the dial is clicked, and what was done to one network is done to the next', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    const [, noisy, noisier] = toys.models;
    await ready(page);
    await stop(page, noisy).click();
    await page.waitForFunction((id) => location.hash.includes(id), noisy.id);
    assert.equal(await dial(page).inputValue(), '1');
    assert.match(await ready(page), /^The network sees “duck”/, 'nothing was attacked yet');
    const before = await fool(page);
    await stop(page, noisier).click();
    await page.waitForFunction((id) => location.hash.includes(id), noisier.id);
    const now = await says(page, /^Fooled/);
    assert.equal(quoted(now), quoted(before));
    assert.match(page.url(), new RegExp(noisier.id));
    await page.getByText(`${noisier.sigma.toFixed(2)}`).first().waitFor();
  }, { at: duck });
});

test('the device, the network and the attack have their words behind a small sign or one line', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    for (const [sign, words] of /** @type {[string, RegExp][]} */ ([['What it runs on', /^Running on the CPU/], ['About this network', /This one names [\d.]+ % of the pictures/]])) {
      assert.ok(await page.getByText(words).isHidden());
      await page.getByLabel(sign).click();
      await page.getByText(words).waitFor();
      await page.getByLabel(sign).click();
      assert.ok(await page.getByText(words).isHidden());
    }
    assert.ok(await page.getByLabel('How to search').isHidden());
    await page.getByText('Attack: DDN: the smallest change, 40 steps', { exact: true }).click();
    await page.getByLabel('How to search').waitFor();
    await search(page, 9);
    await page.getByText('Attack: DDN: the smallest change, 9 steps', { exact: true }).waitFor();
  });
});

test('the verdict, the sizes and the promise are all of the picture that is saved', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const said = await fool(page);
    const [, label, sure] = /is now “([^”]+)”, ([\d.]+ %) sure/.exec(said) ?? assert.fail(said);
    const [, size] = /‖Δx‖₂ = ([\d.]+);/.exec(await page.locator('#detail').innerText()) ?? [];
    const promise = await page.locator('#eight-bit').innerText();
    assert.ok(promise.includes(`“${label}”, ${sure} sure (‖Δx‖₂ = ${size})`), `${promise} beside ${said}, ${size}`);
    assert.ok((await page.locator('#norms > div').first().innerText()).includes(size));
    assert.ok((await page.locator('#after').getByRole('listitem').first().innerText()).includes(sure));
  }, { at: '#steps=6' });
});

test('how it works is told, with its two formulas', async () => {
  await visit(browser, async (page) => {
    const section = page.getByRole('region', { name: 'How it works' });
    const words = (await section.innerText()).replaceAll(/\s+/g, ' ');
    assert.match(words, /x \+ δ ∇ₓJ/);
    assert.match(words, /Δx = x ?fooled ?− x ?original/);
    await ready(page);
  });
});

test('printed, it is a hand-out: three pictures, the verdict and the address, and nothing to press', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await fool(page);
    await page.emulateMedia({ media: 'print' });
    for (const name of ['original', 'difference', 'adversarial']) assert.ok(await page.locator(`#${name}`).isVisible(), name);
    assert.ok(await verdict(page).isVisible());
    assert.match(await page.locator('#link-address').innerText(), /^http.*#picture=.*&model=.*&run$/);
    assert.equal(await page.getByRole('button').filter({ visible: true }).count(), 0);
    await page.getByRole('heading', { name: 'How it works' }).waitFor();
  }, { at: `#picture=${gallery[0].id}&model=${photos.models[0].id}&steps=6`, viewport: { width: 390, height: 844 } });
});
