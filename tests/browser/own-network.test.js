// The user's own networks: files become networks of the page, and are not uploaded anywhere.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { exported, fool, launch, quoted, ready, runOn, runsOn, says, search, small, visit, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */
/** @typedef {import('./site.js').Upload} Upload */

/** @type {import('./site.js').Browser} */
let browser;
/** Two shipped networks, as ONNX files. @type {Upload} */
let network;
/** @type {Upload} */
let second;
before(async () => {
  [network, second] = ['mine.onnx', 'other.onnx'].map((name, index) => (
    { name, mimeType: 'application/octet-stream', buffer: exported(small.models[index].id) }));
  browser = await launch();
});
after(() => browser.close());

const choose = (/** @type {Page} */ page, /** @type {Upload} */ file) => page.getByLabel('Choose a network file').setInputFiles(file);
const status = (/** @type {Page} */ page, /** @type {RegExp} */ words) => page.locator('#own-status').filter({ hasText: words }).waitFor();
const picture = `#model=${small.models[0].id}`;

test('weights in a second file are given together with the first', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const [split, data] = ['split.onnx', 'split.onnx.data'].map((name) => (
      { name, mimeType: 'application/octet-stream', buffer: readFileSync(`tests/fixtures/onnx/${name}`) }));
    await choose(page, split);
    await status(page, /“split\.onnx” cannot be used: .*they lie in another file, which is not there: give both files together/);
    await page.getByLabel('Choose a network file').setInputFiles([data, split]);
    await status(page, /^split\.onnx: pictures of 16×16, in colour, 3 classes\./);
    await says(page, /The network sees “class \d”/);
  });
});

for (const device of /** @type {const} */ (['CPU', 'WebGPU'])) {
  test(`it sees what it sees elsewhere, is fooled, and is left again, on ${device}`, { skip: withoutSheet }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, device);
      const shipped = await ready(page);
      await choose(page, network);
      await status(page, /^mine\.onnx: pictures of 32×32, in colour, 10 classes\. In the picture above it sees “.+”, .+ % sure; /);
      await page.getByText(`Its 10 class names are those of “${small.title}”.`).waitFor();
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
      assert.match((await page.locator('#command-words').textContent()) ?? '', /^decoy attack --network mine\.onnx --normalise none --input-size 32x32 /);

      // It classifies other pictures too, and can be left and chosen again.
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
    await status(page, /^mine\.onnx: the labels cannot be used: 10 are expected, one for each class, 9 found\.$/);
    await says(page, /The network sees “a kind of /);
    // What was refused is forgotten.
    await page.getByLabel('It takes pixels').selectOption('from 0 to 255');
    await status(page, /In the picture above it sees “a kind of /);
    // Names may differ in signs alone.
    await labels.setInputFiles(text([...'+-*/=<>%&#']));
    await status(page, /In the picture above it sees “[^a-z]”/);
    await page.getByRole('combobox', { name: 'Make it see' }).fill('-');
    await page.waitForFunction(() => new URLSearchParams(location.hash.slice(1)).get('target') === '-');
  }, { at: picture });
});

test('a file that leaves the size of its pictures open is asked for it', { skip: withoutSheet }, async () => {
  // The dimensions [3, 32, 32] of the input, and the same with two dimensions that have neither a number nor a name.
  const [fixed, free] = ['0a0208030a0208200a020820', '0a0208030a0212000a021200'].map((hex) => Buffer.from(hex, 'hex'));
  const place = network.buffer.indexOf(fixed);
  assert.ok(place > 0);
  const open = { ...network, name: 'open.onnx', buffer: Buffer.concat([network.buffer.subarray(0, place), free, network.buffer.subarray(place + fixed.length)]) };
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const shipped = await ready(page);
    await choose(page, open);
    await status(page, /^“open\.onnx” cannot be used: the input is \[\?, 3, \?, \?\]: give its height and width as the input size\.$/);
    await says(page, new RegExp(`^${shipped}`));
    const size = page.getByLabel('Size of its pictures, where the file leaves it open');
    await size.fill('32');
    await size.press('Enter');
    await status(page, /^open\.onnx: pictures of 32×32, in colour, 10 classes\. In the picture above it sees/);
    assert.equal(await ready(page), shipped);
    await size.fill('40x48');
    await size.press('Enter');
    await status(page, /^open\.onnx: pictures of 48×40, in colour, 10 classes\. In the picture above it sees/);
  }, { at: picture });
});

test('a second network for the same pictures joins the first on the dial', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await choose(page, network);
    await status(page, /^mine\.onnx: .+ In the picture above it sees/);
    const seen = await ready(page);
    await choose(page, second);
    await status(page, /^other\.onnx: .+ In the picture above it sees/);
    const dial = page.getByRole('slider', { name: 'Your own networks' });
    assert.equal(await dial.getAttribute('aria-valuetext'), 'other.onnx');
    // How pixels are taken is each network's own.
    const pixels = page.getByLabel('It takes pixels');
    await pixels.selectOption('from 0 to 255');
    await page.waitForFunction(() => document.getElementById('cancel')?.hidden);
    await status(page, /^other\.onnx: .+ In the picture above it sees/);
    await dial.fill('0');
    await status(page, /^mine\.onnx: .+ In the picture above it sees/);
    assert.equal(await ready(page), seen);
    assert.equal(await pixels.inputValue(), 'none');

    await search(page, 20);
    await page.getByRole('button', { name: 'Fool every network' }).click();
    await page.getByText(/: 2 networks in /).waitFor();
    assert.deepEqual(await page.locator('.strip-results h4').allTextContents(), ['mine.onnx', 'other.onnx']);
    await page.getByRole('button', { name: 'Look at the network other.onnx' }).click();
    await page.locator('#dial-value').filter({ hasText: 'other.onnx' }).waitFor();
    assert.match((await page.locator('#tried-table').textContent()) ?? '', /mine\.onnx.*other\.onnx/);
  }, { at: picture });
});

test('the browser keeps it if the person says so, and only then', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const again = page.getByRole('button', { name: /^Use .*again$/ });
    const keep = page.getByLabel('Keep it in this browser for the next visit');
    await choose(page, network);
    await status(page, /In the picture above it sees/);
    await page.reload();
    await ready(page);
    assert.ok(await again.isHidden(), 'nobody asked for it');

    await choose(page, network);
    await status(page, /In the picture above it sees/);
    await keep.check();
    await page.getByText('This browser keeps it for the next visit.').waitFor();
    await choose(page, second);
    await status(page, /^other\.onnx: .+ In the picture above it sees/);
    await page.reload();
    await ready(page);
    // Another one that is kept takes the place of none.
    await choose(page, { ...network, name: 'third.onnx' });
    await status(page, /^third\.onnx: .+ In the picture above it sees/);
    await page.getByRole('button', { name: 'Use mine.onnx and other.onnx again' }).waitFor();
    await keep.check();
    await page.getByText('This browser keeps it for the next visit.').waitFor();
    await page.reload();
    await ready(page);
    await page.getByRole('button', { name: 'Use mine.onnx and other.onnx and third.onnx again' }).click();
    await status(page, /^third\.onnx: .+ In the picture above it sees/);
    assert.equal(await page.getByRole('slider', { name: 'Your own networks' }).inputValue(), '2');
    await keep.uncheck();
    await page.getByText('This browser does not keep it').waitFor();
    await page.reload();
    await ready(page);
    assert.ok(await again.isHidden(), 'it is forgotten');
  }, { at: picture });
});

test('weights in safetensors are taken where they fit a network of the page', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const shipped = await ready(page);
    const file = { name: 'tuned.safetensors', mimeType: 'application/octet-stream', buffer: readFileSync(`www/models/${small.models[0].file}`) };
    await choose(page, file);
    await status(page, /^tuned\.safetensors: pictures of 32×32, in colour, 10 classes\. In the picture above it sees/);
    await page.getByText(`Weights for a network of “${small.title}”`).waitFor();
    assert.equal(await ready(page), shipped);
    const header = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
    const length = Buffer.alloc(8);
    length.writeUInt32LE(header.length);
    await choose(page, { ...file, name: 'strange.safetensors', buffer: Buffer.concat([length, header, Buffer.alloc(4)]) });
    await status(page, /^“strange\.safetensors” cannot be used: the weights of strange\.safetensors: expected the tensors of a network of “/);
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
    // With a network in use, a bad file is told until another is used.
    await choose(page, network);
    await status(page, /^mine\.onnx: .+ In the picture above it sees/);
    await choose(page, bytes('text.onnx', Buffer.from('No network at all.')));
    await status(page, /found a text\.$/);
    await page.getByRole('button', { name: 'Back to the networks of this page' }).click();
    await page.getByRole('button', { name: 'Use it again' }).click();
    await status(page, /^mine\.onnx: .+ In the picture above it sees/);
    await page.getByRole('button', { name: 'Back to the networks of this page' }).click();
    await ready(page);
    await fool(page);
    // A network can be dropped anywhere on the page.
    /** @param {Record<string, number[]>} files */
    const drop = (files) => page.evaluate((files) => {
      const transfer = new DataTransfer();
      for (const [name, bytes] of Object.entries(files)) transfer.items.add(new File([new Uint8Array(bytes)], name));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }, files);
    /** @param {string} kind */
    const names = (kind) => [...Buffer.from(small.labels.map((label) => `${kind} ${label}`).join('\n'))];
    await drop({ 'dropped.onnx': [...network.buffer] });
    await status(page, /^dropped\.onnx: .+ In the picture above it sees/);
    await ready(page);
    // With the names of its classes, which may also come later.
    await drop({ 'names.txt': names('some'), 'again.onnx': [...network.buffer] });
    await says(page, /The network sees “some /);
    await drop({ 'names.txt': names('another') });
    await says(page, /The network sees “another /);
  }, { at: picture });
});
