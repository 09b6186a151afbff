// Changing only a part of the picture: the rectangle is dragged or typed, on both devices, and kept in link, list and
// command.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fool, launch, openForm, photos, ready, runOn, runsOn, says, search, verdict, visit } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const part = (/** @type {Page} */ page) => page.getByLabel('Change only a part of the picture');
const field = (/** @type {Page} */ page, /** @type {string} */ name) => page.getByLabel(name, { exact: true });

/** How many pixels differ between the original and the adversarial picture, inside and outside of a rectangle. @param {Page} page @param {number[]} rectangle */
const changed = (page, rectangle) => page.evaluate(([left, top, width, height]) => {
  const [before, after] = ['original', 'adversarial'].map((id) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById(id));
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
  });
  const counts = { inside: 0, outside: 0 };
  for (let index = 0; index < before.data.length; index += 1) {
    if (before.data[index] === after.data[index]) continue;
    const [x, y] = [(index >> 2) % before.width, Math.floor((index >> 2) / before.width)];
    counts[x >= left && x < left + width && y >= top && y < top + height ? 'inside' : 'outside'] += 1;
  }
  return counts;
}, rectangle);

for (const device of /** @type {const} */ (['CPU', 'WebGPU'])) {
  test(`a rectangle is dragged, and nothing else changes, on ${device}`, async () => {
    await visit(browser, async (page) => {
      await runOn(page, device);
      await ready(page);
      await runsOn(page, device === 'CPU' ? /CPU/ : /WebGPU/);
      await search(page, 8);
      await part(page).check();
      assert.deepEqual(await Promise.all(['Left', 'Top', 'Width', 'Height'].map((name) => field(page, name).inputValue())), ['56', '56', '112', '112']);
      await page.locator('#original').scrollIntoViewIfNeeded();
      const box = await page.locator('#original').boundingBox() ?? assert.fail('it is seen');
      await page.mouse.move(box.x + 0.25 * box.width, box.y + 0.25 * box.height);
      await page.mouse.down();
      await page.mouse.move(box.x + 0.9 * box.width, box.y + 0.75 * box.height, { steps: 3 });
      await page.mouse.up();
      const rectangle = await Promise.all(['Left', 'Top', 'Width', 'Height'].map(async (name) => Number(await field(page, name).inputValue())));
      for (const [index, expected] of [56, 56, 146, 113].entries()) assert.ok(Math.abs(rectangle[index] - expected) <= 2, `${rectangle}`);
      await fool(page);
      const { inside, outside } = await changed(page, rectangle);
      assert.ok(inside > 0);
      assert.equal(outside, 0);
      assert.match((await page.locator('#attack-words').textContent()) ?? '', /inside a part only/);
      assert.match((await page.locator('#command-words').textContent()) ?? '', new RegExp(`--region ${rectangle.join(',')} `));
      assert.ok(decodeURIComponent(page.url()).includes(`region=${rectangle.join(',')}`), page.url());
    });
  });
}

test('a link opens with its part, and one that the picture has not is told', async () => {
  const { id } = photos.models[0];
  await visit(browser, async (page) => {
    await ready(page);
    await openForm(page);
    assert.ok(await part(page).isChecked());
    assert.equal(await field(page, 'Width').inputValue(), '60');
  }, { at: `#model=${id}&attack=ddn&region=10,20,60,80` });
  await visit(browser, async (page) => {
    await ready(page);
    await page.getByText('region “200,0,60,10”').waitFor();
    await openForm(page);
    assert.ok(!(await part(page).isChecked()));
  }, { at: `#model=${id}&attack=ddn&region=200,0,60,10` });
});

test('a part that is not enough is told, and one that is no part says so in its field', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await search(page, 4);
    await part(page).check();
    for (const [name, value] of [['Left', '0'], ['Top', '0'], ['Width', '1'], ['Height', '1']]) await field(page, name).fill(value);
    await fool(page, /^Not fooled/);
    await says(page, /still sees/);
    assert.match((await page.locator('#detail').textContent()) ?? '', /with changes inside that part only/);

    const before = await verdict(page).textContent();
    await field(page, 'Left').fill('223');
    await field(page, 'Width').fill('2');
    await page.getByRole('button', { name: 'Fool the network' }).click();
    assert.equal(await field(page, 'Width').evaluate((input) => /** @type {HTMLInputElement} */ (input).validationMessage), 'The picture has 224 columns: 1 are left from column 223 on.');
    assert.equal(await verdict(page).textContent(), before);
    await part(page).uncheck();
    await fool(page);
  });
});
