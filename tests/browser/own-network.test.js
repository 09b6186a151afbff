// A network of one's own: an ONNX file becomes one more network of the page, and stays with the person.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fool, launch, quoted, ready, runOn, runsOn, says, search, small, visit, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */
/** @typedef {import('./site.js').Upload} Upload */

/** @type {import('./site.js').Browser} */
let browser;
/** A shipped network, as other programs would have written it. @type {Upload} */
let network;
before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decoy-'));
  const file = join(folder, 'mine.onnx');
  execFileSync(process.env.DECOY ?? 'target/release/decoy', ['export', '--model', small.models[0].id, file]);
  network = { name: 'mine.onnx', mimeType: 'application/octet-stream', buffer: readFileSync(file) };
  rmSync(folder, { recursive: true });
  browser = await launch();
});
after(() => browser.close());

const choose = (/** @type {Page} */ page, /** @type {Upload} */ file) => page.getByLabel('Choose an ONNX file').setInputFiles(file);
const status = (/** @type {Page} */ page, /** @type {RegExp} */ words) => page.locator('#own-status').filter({ hasText: words }).waitFor();
const picture = `#model=${small.models[0].id}`;

for (const device of /** @type {const} */ (['CPU', 'WebGPU'])) {
  test(`it sees what it sees elsewhere, is fooled, and is left again, on ${device}`, { skip: withoutSheet }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, device);
      const shipped = await ready(page);
      await choose(page, network);
      await status(page, /^mine\.onnx: pictures of 32×32, in colour, 10 classes\. In the picture above it sees “.+”, .+ % sure; /);
      await page.getByText(`Its 10 classes are called as those of “${small.title}”.`).waitFor();
      await runsOn(page, new RegExp(device === 'CPU' ? 'CPU' : 'WebGPU|GPU'));
      assert.equal(await ready(page), shipped, 'the same network says the same');
      assert.ok(await page.getByRole('slider', { name: 'Noise in training' }).isHidden(), 'there is one network');
      assert.ok(await page.getByRole('button', { name: 'Fool every network' }).isDisabled());

      await search(page, 20);
      await fool(page);
      await page.locator('#eight-bit').filter({ hasText: device === 'CPU' ? /still misread/ : /The CPU sees the same/ }).waitFor();
      await page.getByText('The link opens the rest, but not your network: that stays with you.').waitFor();
      assert.doesNotMatch(page.url(), /model=/);
      await page.getByText('The same on the command line').click();
      assert.match((await page.locator('#command-words').textContent()) ?? '', /^decoy attack --network mine\.onnx --normalise none /);

      // Other pictures are read by it too, and it is left and taken again.
      await page.getByRole('radiogroup', { name: 'Photograph' }).getByRole('img').first().click();
      await page.locator('#original-name').filter({ hasText: 'red panda' }).waitFor();
      assert.ok(small.labels.includes(quoted(await ready(page)) ?? ''));
      await page.goBack();
      await page.locator('#original-name').filter({ hasNotText: 'red panda' }).waitFor();
      await says(page, new RegExp(`^${shipped}`));
      await status(page, /In the picture above it sees/);
      await page.goForward();
      await page.locator('#original-name').filter({ hasText: 'red panda' }).waitFor();
      assert.ok(small.labels.includes(quoted(await ready(page)) ?? ''));
      await page.getByRole('button', { name: 'Back to the networks of this page' }).click();
      await says(page, /The network sees “red panda”/);
      await page.getByRole('button', { name: 'Use it again' }).click();
      await status(page, /In the picture above it sees/);
      assert.ok(small.labels.includes(quoted(await ready(page)) ?? ''));
    }, { at: picture });
  });
}

test('how it takes its pixels, and the names of its classes, are the person’s to say', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const shipped = await ready(page);
    await choose(page, network);
    await status(page, /In the picture above it sees/);
    await page.getByLabel('It takes pixels').selectOption('from 0 to 255');
    await page.locator('#verdict').filter({ hasNotText: shipped }).filter({ hasText: /The network sees/ }).waitFor();
    await page.getByLabel('It takes pixels').selectOption('by another mean and deviation');
    await page.getByLabel('Mean / deviation').fill('0/1');
    await page.getByLabel('Mean / deviation').press('Enter');
    await page.locator('#verdict').filter({ hasText: shipped }).waitFor();

    const names = small.labels.map((label) => `a kind of ${label}`);
    const text = (/** @type {string[]} */ lines) => ({ name: 'labels.txt', mimeType: 'text/plain', buffer: Buffer.from(lines.join('\n')) });
    const labels = page.getByLabel('Choose the names of its classes');
    await labels.setInputFiles(text(names));
    await says(page, /The network sees “a kind of /);
    await labels.setInputFiles(text(names.slice(1)));
    await status(page, /^“mine\.onnx” cannot be used: 10 labels are expected, one for each class, and 9 found\.$/);
    await says(page, /The network sees “a kind of /);
  }, { at: picture });
});

test('what is no network is refused with words, and the page stays as it was', { skip: withoutSheet }, async () => {
  const bytes = (/** @type {string} */ name, /** @type {Buffer} */ buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const shipped = await ready(page);
    for (const [file, words] of /** @type {[Upload, RegExp][]} */ ([
      [bytes('empty.onnx', Buffer.alloc(0)), /^“empty\.onnx” cannot be used: an ONNX file is expected, found an empty file\.$/],
      [bytes('text.onnx', Buffer.from('No network at all.')), /found a text\.$/],
      [bytes('weights.onnx', Buffer.from('PK\u0003\u0004 and so on')), /found a zip archive.+ export the network by torch\.onnx\.export/],
      [bytes('half.onnx', network.buffer.subarray(0, network.buffer.length / 2)), /^“half\.onnx” cannot be used: .+cut off/],
    ])) {
      await choose(page, file);
      await status(page, words);
      assert.equal(await ready(page), shipped);
    }
    await fool(page);
    // Dropped anywhere, a network is one.
    await page.evaluate((bytes) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.onnx'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }, [...network.buffer]);
    await status(page, /^dropped\.onnx: .+ In the picture above it sees/);
    await ready(page);
  }, { at: picture });
});
