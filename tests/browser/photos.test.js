// The photo network: the first photo is shown at once, classified, and attacked; the results can be downloaded. All on
// the CPU, which every machine has.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { address, fool, gallery, launch, photos, pixels, quoted, ready, says, search, visit } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const [first, second] = gallery;
const dial = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Noise in training' });

test('the first photo is there before the program, and its credit with it', async () => {
  /** @type {() => void} */
  let release = () => {};
  const held = new Promise((resolve) => (release = () => resolve(undefined)));
  await visit(browser, async (page) => {
    await page.getByRole('img', { name: `The original picture: ${first.title}` }).waitFor();
    const early = await pixels(page, 'original');
    assert.match((await page.locator('#verdict').textContent()) ?? '', /^Loading the program \(\d+ MB\)/);
    const credit = page.getByRole('link', { name: first.credit, exact: true }).first();
    assert.equal(await credit.getAttribute('href'), first.source);
    release();

    assert.ok(photos.labels.includes(quoted(await ready(page)) ?? ''));
    assert.equal(await page.locator('#before').getByRole('listitem').count(), 5);
    assert.ok(await alike(page, early, await pixels(page, 'original')), 'it is the same picture that the network then sees');
  }, { before: (page) => page.route('**/decoy_bg.wasm', async (route) => {
    await held;
    await route.continue();
  }) });
});

test('every photo of the gallery has its author, licence and source on the page', async () => {
  assert.ok(gallery.length >= 8);
  await visit(browser, async (page) => {
    await page.getByText('Credits of the pictures').click();
    const list = page.locator('#credit-list').getByRole('listitem');
    assert.ok((await list.count()) >= gallery.length);
    for (const [index, { title, credit, licence, source }] of gallery.entries()) {
      assert.equal(await list.nth(index).textContent(), `${title}: ${credit}, ${licence}`);
      assert.equal(await list.nth(index).getByRole('link').getAttribute('href'), source);
    }
    await ready(page);
  });
});

test('a photo is fooled; the first misread picture is seen early, and then a smaller change', async () => {
  await visit(browser, async (page) => {
    const before = quoted(await ready(page));
    const original = await pixels(page, 'original');
    assert.equal(await page.getByLabel('Steps', { exact: true }).inputValue(), '40');
    await page.getByRole('button', { name: 'Fool the network' }).click();

    await page.getByText(/‖Δx‖₂ = [\d.]+ so far/).first().waitFor();
    await page.getByRole('img', { name: 'The smallest change so far that fools the network' }).waitFor();
    assert.notEqual(await pixels(page, 'adversarial'), original);
    const early = Number(/‖Δx‖₂ = ([\d.]+) so far/.exec(await page.locator('#adversarial-name').innerText())?.[1]);
    assert.ok(await page.getByRole('button', { name: 'Cancel', exact: true }).isVisible(), 'the search goes on');

    const fooled = await says(page, /^Fooled/);
    assert.match(fooled, new RegExp(`^Fooled: “${before}” is now “(?!${before}”)`));
    const detail = (await page.locator('#detail').textContent()) ?? '';
    const final = Number(/‖Δx‖₂ = ([\d.]+);/.exec(detail)?.[1]);
    assert.ok(final > 0 && early > 0, `${early}, then ${final}`);
    const exact = Number(/Before it was rounded to them, ‖Δx‖₂ = ([\d.]+)\./.exec((await page.locator('#norms-note').textContent()) ?? '')?.[1]);
    assert.ok(exact > 0 && exact <= early, `${early}, then ${exact}`);
    assert.match(detail, /^Smallest found in 40 steps: /);
    assert.match(detail, /average change per pixel: [\d.]+ of 255\. .* on the CPU( \(\d+ threads\))?\./);
    await page.getByText(/^amplified ×\d+/).waitFor();
    for (const side of ['before', 'after']) assert.equal(await page.locator(`#${side}`).getByRole('listitem').count(), 5);
    assert.ok((await page.locator('#after').getByRole('listitem').first().textContent())?.startsWith(/is now “([^”]+)”/.exec(fooled)?.[1] ?? '?'));
    await page.getByRole('slider', { name: 'Wipe between original and changed' }).waitFor();
  });
});

test('a search that is cancelled keeps what it has found, and a longer one takes twice as many steps', async () => {
  await visit(browser, async (page) => {
    const before = await ready(page);
    await search(page, 1000);
    await page.getByRole('button', { name: 'Fool the network' }).click();
    await page.getByRole('img', { name: 'The smallest change so far that fools the network' }).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).press('Enter');
    const fooled = await says(page, /^Fooled/);
    assert.equal(await page.locator(':focus').textContent(), 'Fool the network', 'the keyboard is not lost');
    assert.match((await page.locator('#detail').textContent()) ?? '', /^Cancelled; smallest found in \d+ of 1,000 steps: ‖Δx‖₂ = [\d.]+/);
    await page.getByRole('img', { name: /^The changed picture/ }).waitFor();
    // The result can be downloaded.
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download the report (JSON)' }).click();
    const report = JSON.parse((await readFile(await (await downloading).path())).toString());
    assert.equal(report.result.eight_bit.label, /is now “([^”]+)”/.exec(fooled)?.[1]);
    assert.ok(report.cancelled.step < report.cancelled.steps && report.cancelled.steps === 1000, JSON.stringify(report.cancelled));
    await page.getByRole('link', { name: 'Download the picture (PNG)' }).waitFor();

    await search(page, 6);
    await fool(page);
    await page.getByRole('button', { name: 'Search longer' }).click();
    await page.getByText(/^Step \d+ of 12/).first().waitFor();
    await says(page, /^Fooled/);
    assert.equal(await page.getByLabel('Steps', { exact: true }).inputValue(), '12');
    assert.equal(quoted(await says(page, /^Fooled/)), quoted(before));
  });
});

test('a photo is cropped, and another one looked at whole again', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const whole = await pixels(page, 'original');
    await page.getByRole('button', { name: 'Crop' }).click();
    await page.getByRole('slider', { name: 'Zoom', exact: true }).press('End');
    await page.waitForFunction((before) => /** @type {HTMLCanvasElement} */ (document.getElementById('original')).toDataURL() !== before, whole);
    await ready(page);
    assert.match(page.url(), /[#&]crop=[\d.]+,[\d.]+,[\d.]+/);
    await page.getByRole('button', { name: 'Crop' }).click();
    await page.getByRole('slider', { name: 'Zoom', exact: true }).waitFor({ state: 'hidden' });

    await page.getByAltText(second.title).click();
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
    await page.getByAltText(first.title).click();
    await page.getByRole('img', { name: `The original picture: ${first.title}` }).waitFor();
    assert.equal(await pixels(page, 'original'), whole);
    assert.doesNotMatch(page.url(), /crop=/);
  });
});

test('a network is fetched when the dial asks for it, with progress, and kept for the next visit', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const { file } = photos.models[1];
  /** @type {string[]} */
  const fetched = [];
  context.on('request', (request) => fetched.push(new URL(request.url()).pathname));
  const times = (/** @type {string} */ name) => fetched.filter((path) => path.endsWith(name)).length;
  try {
    await visit(context, async (page) => {
      await ready(page);
      assert.equal(times(file), 0);
      await dial(page).fill('1');
      await says(page, /The network sees/);
      await page.waitForFunction((model) => location.hash.includes(model), photos.models[1].id);
      await page.waitForFunction(() => !document.getElementById('cancel')?.checkVisibility());
      assert.equal(times(file), 1);
    });
    await visit(context, async (page) => {
      await ready(page);
      await dial(page).fill('1');
      await page.waitForFunction((model) => location.hash.includes(model), photos.models[1].id);
      await page.waitForFunction(() => document.getElementById('cancel')?.hidden);
      assert.equal(times(file), 1, 'it was kept');
      assert.equal(times(photos.models[0].file), 1, 'and so was the first');
    });
  } finally {
    await context.close();
  }
});

test('the report has all it takes to repeat the attack', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await search(page, 8);
    await fool(page);
    const saved = async (/** @type {string} */ name) => {
      const downloading = page.waitForEvent('download');
      await page.getByRole('link', { name }).click();
      const download = await downloading;
      return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
    };
    const png = await saved('Download the picture (PNG)');
    const json = await saved('Download the report (JSON)');
    assert.deepEqual([png.name, json.name], ['png', 'json'].map((ending) => `${first.id}-sigma-0.00-ddn.${ending}`));

    const report = JSON.parse(json.bytes.toString());
    const [{ id, file, sha256 }] = photos.models;
    assert.equal(`${report.format} ${report.version}`, 'decoy-report 4');
    assert.deepEqual(report.attack, { attack: 'ddn', steps: 8 });
    assert.deepEqual([report.model.id, report.model.file, report.model.sha256], [id, file, sha256]);
    assert.equal(hash(Buffer.from(await (await fetch(new URL(`models/${file}`, address))).arrayBuffer())), report.model.sha256);
    assert.deepEqual(report.picture.from, { gallery: photos.id, picture: first.id, source: first.source });
    assert.ok(report.picture.crop.side > 0);
    assert.equal(report.device.kind, 'cpu');
    assert.equal(report.result.success, true);
    assert.equal(report.predictions.after[0].label, report.result.eight_bit.label);
    assert.equal(report.browser, await page.evaluate(() => navigator.userAgent));
    assert.ok(Math.abs(Date.now() - Date.parse(report.date)) < 600_000);

    // The picture on the page and the saved one are those of the report, pixel by pixel.
    assert.equal(await fingerprint(page, Buffer.from((await pixels(page, 'original')).split(',')[1], 'base64')), report.picture.sha256);
    assert.equal(await fingerprint(page, png.bytes), report.adversarial.sha256);
    assert.notEqual(report.picture.sha256, report.adversarial.sha256);
  });
});

/** @param {Buffer} bytes */
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The checksum of red, green and blue of a PNG. @param {Page} page @param {Buffer} png */
async function fingerprint(page, png) {
  const rgba = await page.evaluate(async (bytes) => {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: 'image/png' }), { colorSpaceConversion: 'none' });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    drawing.drawImage(bitmap, 0, 0);
    return [...drawing.getImageData(0, 0, bitmap.width, bitmap.height).data];
  }, [...png]);
  return hash(Buffer.from(rgba.filter((_, index) => index % 4 < 3)));
}

/** Whether two pictures look the same. Browsers scale pictures down slightly differently. @param {Page} page @param {string} a @param {string} b */
function alike(page, a, b) {
  return page.evaluate(async (urls) => {
    const [one, other] = await Promise.all(urls.map(async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(16, 16).getContext('2d'));
      drawing.drawImage(image, 0, 0, 16, 16);
      return drawing.getImageData(0, 0, 16, 16).data;
    }));
    return one.reduce((sum, value, index) => sum + Math.abs(value - other[index]), 0) / one.length < 8;
  }, [a, b]);
}
