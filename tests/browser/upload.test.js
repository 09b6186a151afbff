// The user's own pictures: classified, attacked, saved and opened again; files that are no pictures are refused.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { duck, fool, give, launch, openForm, photo, photos, pixels, quoted, ready, runOn, says, search, toys, verdict, visit, withoutObjects } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** A software GPU takes minutes for the photo network, so it gets the toy network. */
const WAYS = /** @type {const} */ ([
  { mimeType: 'image/png', device: 'WebGPU', family: toys, at: duck, skip: withoutObjects },
  { mimeType: 'image/jpeg', device: 'CPU', family: photos, at: '', skip: false },
]);

for (const { mimeType, device, family, at, skip } of WAYS) {
  test(`a ${mimeType.slice(6)} is read, attacked on ${device} and saved, and the saved file is misread`, { skip }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, device);
      await ready(page);
      await give(page, await photo(page, mimeType));
      await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
      await page.getByLabel(family.reader).check();
      await readBy(page, family);
      const before = quoted(await says(page, /The network sees/));
      await search(page, 10);
      await fool(page);

      const promise = (await page.locator('#eight-bit').textContent()) ?? '';
      assert.match(promise, /still misread/);
      const downloading = page.waitForEvent('download');
      await page.getByRole('link', { name: 'Download the picture (PNG)' }).click();
      const download = await downloading;
      assert.equal(download.suggestedFilename(), 'drawn-sigma-0.00-ddn.png');

      await give(page, { name: 'saved.png', mimeType: 'image/png', buffer: await readFile(await download.path()) });
      await page.getByRole('img', { name: 'The original picture: saved.png' }).waitFor();
      const after = quoted(await says(page, /The network sees/));
      assert.equal(after, quoted(promise));
      assert.notEqual(after, before);
    }, { at });
  });
}

/** Waits until the picture has the input size of this family. @param {Page} page @param {{ input: { width: number } }} family */
async function readBy(page, { input: { width } }) {
  await page.locator(`#original[width="${width}"]`).waitFor();
  await ready(page);
}

test('the user’s own picture goes to the photo network, or to another where that is chosen', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const toy = page.getByLabel(toys.reader);
    assert.ok(await toy.isHidden(), 'there is nothing to choose yet');
    await give(page, await photo(page, 'image/png', 600, 300));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await readBy(page, photos);
    const label = quoted(await ready(page)) ?? '';
    assert.ok(photos.labels.includes(label), label);

    // The square keeps its place when other networks are chosen.
    const middle = await pixels(page, 'original');
    await page.getByRole('slider', { name: 'Move the square left and right' }).press('Home');
    await page.waitForFunction((before) => /** @type {HTMLCanvasElement} */ (document.getElementById('original')).toDataURL() !== before, middle);
    await ready(page);
    await toy.check();
    await readBy(page, toys);
    const toyLabel = quoted(await ready(page)) ?? '';
    assert.ok(toys.labels.includes(toyLabel), toyLabel);
    assert.equal(await page.getByRole('slider', { name: 'Move the square left and right' }).inputValue(), '0');
    await page.getByLabel(photos.reader).check();
    await readBy(page, photos);
  });
});

test('a picture can be dropped and pasted', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const { buffer } = await photo(page, 'image/png');
    for (const [type, name] of [['drop', 'dropped.png'], ['paste', 'pasted.png']]) {
      await page.evaluate(({ type, name, bytes }) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/png' }));
        const event = type === 'drop'
          ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      }, { type, name, bytes: [...buffer] });
      await page.getByRole('img', { name: `The original picture: ${name}` }).waitFor();
    }
  });
});

/** Pastes or drops texts and pictures on an element; returns whether the page prevents the browser's default action. @param {import('playwright-core').Locator} at @param {'paste' | 'drop' | 'dragover'} way @param {Record<string, string>} texts @param {Buffer[]} [pictures] */
const send = (at, way, texts, pictures = []) => at.evaluate((element, { way, texts, pictures }) => {
  const transfer = new DataTransfer();
  for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
  for (const bytes of pictures) transfer.items.add(new File([new Uint8Array(bytes)], 'sent.png', { type: 'image/png' }));
  const how = { bubbles: true, cancelable: true };
  const event = way === 'paste' ? new ClipboardEvent(way, { clipboardData: transfer, ...how }) : new DragEvent(way, { dataTransfer: transfer, ...how });
  return !element.dispatchEvent(event);
}, { way, texts, pictures: pictures.map((bytes) => [...bytes]) });

test('text that is pasted or dragged into a field stays text, though a picture of it comes along', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const { buffer } = await photo(page, 'image/png');
    const name = await page.locator('#original').getAttribute('aria-label');
    const cells = { 'text/plain': '7', 'text/html': '<td>7</td>' };
    await openForm(page);
    for (const field of [page.getByLabel('Make it see'), page.getByLabel('Steps', { exact: true }), page.getByLabel('Number of pictures')]) {
      for (const way of /** @type {const} */ (['paste', 'dragover', 'drop'])) {
        for (const pictures of [[], [buffer]]) assert.equal(await send(field, way, cells, pictures), false, `${way} with ${pictures.length} pictures`);
      }
    }
    await page.waitForTimeout(500);
    assert.equal(await page.locator('#original').getAttribute('aria-label'), name, 'the picture stays');
    assert.ok(await page.getByRole('alert').locator('p').isHidden());

    // It contains no plain text, so the text field cannot use it.
    await send(page.getByLabel('Make it see'), 'paste', { 'text/html': '<img src="sent.png">' }, [buffer]);
    await page.getByRole('img', { name: 'The original picture: sent.png' }).waitFor();
  });
});

test('a picture from another page, of which the address alone arrives, is answered', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const from = page.getByRole('alert');
    const address = 'https://example.org/cat.jpg';
    for (const texts of /** @type {Record<string, string>[]} */ ([{ 'text/uri-list': address, 'text/html': `<img src="${address}">` }, { 'text/plain': address }, { 'text/x-moz-url': `${address}\ncat` }])) {
      assert.ok(await send(page.locator('body'), 'dragover', texts), 'the browser would open the address in place of this page');
      assert.ok(await page.locator('#drop').isHidden(), 'nothing promises that it can be dropped');
      for (const way of /** @type {const} */ (['drop', 'paste'])) {
        assert.ok(await send(page.locator('body'), way, texts));
        await from.getByText(new RegExp(`^What was ${way === 'drop' ? 'dropped' : 'pasted'} holds no picture, .*Save the picture .*copy the picture`)).waitFor();
        await from.getByRole('button', { name: 'Dismiss' }).click();
      }
    }
  });
});

test('what is no picture is refused with words, and the page stays as it was', async (t) => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await search(page, 10);
    await fool(page);
    await page.getByText('For this picture:').waitFor(); // the last text that appears by itself
    const before = await state(page);
    const { buffer: png } = await photo(page, 'image/png');
    /** @type {[string, string, Buffer][]} */
    const bad = [
      ['an empty file', 'empty.png', Buffer.alloc(0)],
      ['a text named .png', 'letter.png', Buffer.from('Dear network, this is a duck.\n'.repeat(50))],
      ['an SVG', 'drawing.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>')],
      ['a truncated PNG', 'half.png', png.subarray(0, png.length / 2)],
      ['a picture of 1 × 1', 'dot.png', (await photo(page, 'image/png', 1, 1)).buffer],
      ['a picture of 225 megapixels', 'huge.png', Buffer.concat([png.subarray(0, 8), header(15_000, 15_000), png.subarray(33)])],
    ];
    for (const [what, name, buffer] of bad) {
      await t.test(what, async () => {
        await give(page, { name, mimeType: 'image/png', buffer });
        const alert = page.getByRole('alert');
        await alert.getByText(/\w.*\.$/).waitFor();
        t.diagnostic(`${what}: ${await alert.locator('p').textContent()}`);
        assert.deepEqual(await state(page), before);
        await alert.getByRole('button', { name: 'Dismiss' }).click();
        await alert.waitFor({ state: 'hidden' });
      });
    }
  });
});

test('whatever file is given, it is looked at or refused with a sentence', async () => {
  const folder = new URL('../fixtures/pictures/', import.meta.url);
  const names = (await readdir(folder)).filter((name) => /^(ok|refused)-/.test(name));
  assert.ok(names.length > 50);
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const alert = page.getByRole('alert');
    for (const name of names) {
      await give(page, { name, mimeType: 'application/octet-stream', buffer: await readFile(new URL(name, folder)) });
      // Browsers ignore an incomplete palette entry.
      if (name.startsWith('ok') || name === 'refused-palette.png') {
        await page.getByRole('img', { name: `The original picture: ${name}` }).waitFor();
        await ready(page);
        assert.ok(await alert.getByRole('paragraph').isHidden(), name);
      } else {
        assert.match((await alert.getByRole('paragraph').textContent()) ?? '', /^[A-Z].*\.$/, name);
        await alert.getByRole('button', { name: 'Dismiss' }).click();
      }
    }
  });
});

/** The visible state of the experiment: texts and pixels. @param {Page} page */
async function state(page) {
  const pictures = await page.locator('#stage canvas').evaluateAll((canvases) => canvases.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));
  return { pictures, verdict: await verdict(page).textContent(), words: await page.locator('#stage').innerText() };
}

/** The IHDR chunk of a grey PNG of this size. @param {number} width @param {number} height */
function header(width, height) {
  const chunk = Buffer.alloc(25);
  chunk.writeUInt32BE(13, 0);
  chunk.write('IHDR', 4, 'latin1');
  chunk.writeUInt32BE(width, 8);
  chunk.writeUInt32BE(height, 12);
  chunk[16] = 8;
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 21)), 21);
  return chunk;
}
