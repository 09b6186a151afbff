// Small pictures, many in one sheet: chosen by class and number, classified, and shown pixel by pixel.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fool, give, json, launch, part, photo, pixels, ready, runOn, says, search, small, smallPictures, visit, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const { width: side } = small.input;
const classes = (/** @type {Page} */ page) => page.getByRole('radiogroup', { name: 'Class' });
const pictures = (/** @type {Page} */ page, /** @type {number} */ type) => page.getByRole('radiogroup', { name: `Picture: ${small.labels[type]}` });
const of = (/** @type {number} */ type) => smallPictures.filter((picture) => picture.class === type);
const nameOf = (/** @type {{ class: number, index: number }} */ picture) => `${small.labels[picture.class]}, picture ${picture.index}`;
const original = (/** @type {Page} */ page, /** @type {{ class: number, index: number }} */ picture) => page.getByRole('img', { name: `The original picture: ${nameOf(picture)}` });

/** The pixels of a picture in the sheet. @param {Page} page @param {number} place in the sheet @returns {Promise<number[]>} */
async function inSheet(page, place) {
  const { file, columns } = await json(`gallery/${small.id}/gallery.json`);
  return page.evaluate(async ({ url, left, top, side }) => {
    const blob = await (await fetch(url)).blob();
    const bitmap = await createImageBitmap(blob, left, top, side, side, { colorSpaceConversion: 'none' });
    const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(side, side).getContext('2d'));
    drawing.drawImage(bitmap, 0, 0);
    return [...drawing.getImageData(0, 0, side, side).data];
  }, { url: part(`gallery/${small.id}/${file}`).href, left: side * (place % columns), top: side * Math.floor(place / columns), side });
}

/** The pixels on a canvas. @param {import('playwright-core').Locator} canvas @returns {Promise<number[]>} */
const onCanvas = (canvas) => canvas.evaluate((node) => {
  const canvas = /** @type {HTMLCanvasElement} */ (node);
  return [.../** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height).data];
});

test('a class and one of its pictures are chosen, and the network sees exactly these pixels', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    assert.equal(await classes(page).getByRole('radio').count(), 1, 'folded while another family is looked at');
    await classes(page).getByRole('radio').first().check({ force: true });
    await original(page, of(0)[0]).waitFor();
    await ready(page);
    assert.deepEqual(await classes(page).getByRole('radio').evaluateAll((radios) => radios.map((radio) => radio.parentElement?.textContent)), small.labels);
    const dial = page.getByRole('slider', { name: 'Noise in training' });
    assert.equal(await dial.getAttribute('max'), String(small.models.length - 1));

    await classes(page).getByRole('radio', { name: small.labels[3] }).check({ force: true });
    await original(page, of(3)[0]).waitFor();
    assert.equal(await pictures(page, 3).getByRole('radio').count(), of(3).length);
    const last = /** @type {{ class: number, index: number }} */ (of(3).at(-1));
    await pictures(page, 3).getByRole('radio', { name: nameOf(last) }).check({ force: true });
    await original(page, last).waitFor();
    await ready(page);
    const expected = await inSheet(page, smallPictures.indexOf(last));
    assert.deepEqual(await onCanvas(page.locator('#original')), expected);
    assert.deepEqual(await onCanvas(pictures(page, 3).getByRole('img', { name: nameOf(last) })), expected, 'and so does its thumb');
    assert.ok(new Set(expected).size > 20, 'it is a picture');
    assert.ok(await page.getByRole('button', { name: 'Crop' }).isHidden(), 'there is nothing to crop');
  });
});

test('the keyboard goes through the classes and their pictures', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await classes(page).getByRole('radio').first().focus();
    await page.keyboard.press('ArrowRight');
    await original(page, of(1)[0]).waitFor();
    await ready(page);
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    await original(page, of(1)[1]).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await original(page, /** @type {{ class: number, index: number }} */ (of(1).at(-1))).waitFor();
    await ready(page);
  }, { at: `#model=${small.models[0].id}` });
});

test('it is shown as it is, enlarged without smoothing: the stage, the thumbs, the comparison, the strip', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await search(page, 10);
    await fool(page);
    await page.getByRole('button', { name: 'Fool every network' }).click();
    await page.getByText(`${small.models.length} networks in`).waitFor();
    const smooth = await page.locator('canvas').evaluateAll((canvases) => canvases
      .filter((canvas) => canvas.checkVisibility() && !canvas.closest('#chart') && getComputedStyle(canvas).imageRendering !== 'pixelated')
      .map((canvas) => canvas.outerHTML));
    assert.deepEqual(smooth, []);
    const zooms = await page.locator('#wipe').getByRole('radio').evaluateAll((radios) => radios.map((radio) => /** @type {HTMLInputElement} */ (radio).value));
    assert.deepEqual(zooms, ['1', '4'], 'no detail of fewer than eight pixels');
    assert.notEqual(await pixels(page, 'adversarial'), await pixels(page, 'original'));
  }, { at: `#model=${small.models[0].id}` });
});

test('a link opens one picture, and the report names it', { skip: withoutSheet }, async () => {
  const [, , picture] = of(2);
  await visit(browser, async (page) => {
    await original(page, picture).waitFor();
    await ready(page);
    assert.ok(await pictures(page, 2).getByRole('radio', { name: nameOf(picture) }).isChecked());
    const seen = pictures(page, 2);
    const [box, view] = [await seen.locator('label').filter({ has: page.getByRole('radio', { checked: true }) }).boundingBox(), await seen.boundingBox()];
    assert.ok(box && view && box.x >= view.x && box.x + box.width <= view.x + view.width, 'the chosen one is in sight');
    await search(page, 5);
    await fool(page, /^(Fooled|Not fooled)/);
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download the report (JSON)' }).click();
    const report = JSON.parse((await readFile(await (await downloading).path())).toString());
    assert.deepEqual(report.picture.from, { gallery: small.id, picture: `${small.id}-${picture.index}` });
    assert.equal(report.picture.width, side);
  }, { at: `#picture=${small.id}-${picture?.index}&model=${small.models[1]?.id}` });
});

test('the user’s own picture is read at this size, where that network is chosen', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await give(page, await photo(page, 'image/png', 300, 200));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await ready(page);
    await page.getByLabel(small.reader).check();
    await page.locator(`#original[width="${side}"]`).waitFor();
    await says(page, new RegExp(`The network sees “(${small.labels.join('|')})”`));
    if (small.note) await page.getByText(small.note).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Crop' }).isVisible());
    assert.equal(await page.locator('#original').evaluate((canvas) => getComputedStyle(canvas).imageRendering), 'pixelated');
  });
});
