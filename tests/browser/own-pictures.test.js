// The user's own pictures as the network sees them: with the right colours, upright, complete, and as in the crop
// frame.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { give, launch, patch, photo, photos, ready, runOn, visit } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

/** Makes the browser unable to decode pictures. */
const REFUSE = 'self.createImageBitmap = () => Promise.reject();';

/** @param {string} name */
const fixture = async (name) => ({ name, mimeType: 'application/octet-stream', buffer: await readFile(new URL(`../fixtures/pictures/${name}`, import.meta.url)) });

/** A picture, the largest mean difference allowed in levels, and files with the same picture. A wrong orientation differs by 50, wrong colours by 12. */
const GROUPS = /** @type {const} */ ([
  ['ok-rgb.png', 1.5, [
    'ok-rgb.bmp', 'ok-interlaced.png', 'ok-16-bit.png', 'ok-animated.png', 'ok-card-first.png', 'ok-empty-first.png', 'ok-empty-first.webp',
    'ok-orientation-6.png', 'ok-orientation-8.webp', 'ok-orientation-8-bare.webp', 'ok-orientation-8-prefix.webp', 'ok-alpha-all-zero.bmp', 'ok-no-planes.bmp',
    'ok-adobe-rgb.png', 'ok-adobe-rgb.webp', 'ok-gamma-1.8.png', 'ok-corners.png', 'ok-code-points.png',
  ]],
  ['ok-rgb.png', 12, [
    'ok-baseline.jpg', 'ok-progressive.jpg', 'ok-cmyk.jpg', 'ok-rgb.jpg', 'ok-adobe-rgb.jpg', 'ok-scan-a-colour-420.jpg', 'ok-scan-a-colour-440.jpg', 'ok-second-behind.jpg',
    'ok-two-exif.jpg', 'ok-no-end.jpg', 'ok-records-for-an-end.jpg', 'ok-orientation-3.jpg', 'ok-orientation-5.jpg', 'ok-orientation-6.jpg', 'ok-orientation-8.jpg',
    'ok-exif-promised.webp', 'ok-alpha-promised.webp', 'ok-empty-first.gif',
  ]],
  ['ok-still.gif', 1, ['ok-runs-4.bmp', 'ok-runs-8.bmp', 'ok-no-screen.gif', 'ok-small-screen.gif']],
]);

test('the same picture is read the same, whatever file it is in', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    for (const [expected, most, names] of GROUPS) {
      const picture = await seen(page, await fixture(expected));
      for (const name of names) {
        const levels = apart(await seen(page, await fixture(name)), picture);
        assert.ok(levels <= most, `${name} is ${levels} levels away from ${expected}`);
      }
    }
  });
});

test('where the browser refuses a picture, the module reads it, in the same colours', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const picture = await seen(page, await fixture('ok-rgb.png'));
    for (const name of ['ok-adobe-rgb.png', 'ok-gamma-1.8.png', 'ok-code-points.png', 'ok-orientation-6.png']) {
      const levels = apart(await seen(page, await fixture(name)), picture);
      assert.ok(levels <= 1.5, `${name} is ${levels} levels away`);
    }
  }, { before: (page) => patch(page, '**/worker.js', REFUSE, 'before') });
});

test('a browser that changes what it gives of a canvas is not asked', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    assert.ok(apart(await seen(page, await fixture('ok-rgb.bmp')), await seen(page, await fixture('ok-rgb.png'))) < 1);
    assert.ok(new Set(await seen(page, await fixture('ok-rgb.png'))).size > 9, 'the picture is not what the canvas gives');
  }, { before: (page) => patch(page, '**/worker.js', 'OffscreenCanvasRenderingContext2D.prototype.getImageData = (x, y, w, h) => new ImageData(new Uint8ClampedArray(4 * w * h).fill(255), w, h);', 'before') });
});

test('a drawing on nothing is seen on a ground that shows it', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    for (const [name, ground, line] of /** @type {const} */ ([['ok-black-on-nothing.png', 255, 0], ['ok-white-on-nothing.png', 0, 255]])) {
      const levels = await seen(page, await fixture(name));
      const middle = levels[(112 * 224 + 112) * 3];
      assert.deepEqual([middle, levels.includes(line)], [ground, true], name);
    }
  });
});

test('the network sees first what it was made for, as the frame shows it, and the frame can be widened', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    for (const [width, height] of [[600, 400], [300, 900], [2600, 2300]]) {
      await seen(page, { ...(await photo(page, 'image/jpeg', width, height)), name: `${width}.jpg` });
      const share = (await inFrame(page)).width / Math.min(...(await whole(page)));
      assert.ok(Math.abs(share - photos.crop) < 0.01, `${share} of the shorter side`);
      assert.ok((await framed(page)) < 6, 'the frame shows what the network sees');
      const first = await levels(page);
      await page.getByRole('slider', { name: 'Zoom', exact: true }).press('Home');
      await page.waitForFunction((before) => {
        const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('original'));
        return String([...(canvas.getContext('2d')?.getImageData(0, 0, 224, 8).data ?? [])].filter((_, place) => place % 4 < 3)) !== before;
      }, String(first.slice(0, 224 * 8 * 3)));
      assert.ok((await framed(page)) < 6, 'and when it is widened');
      assert.ok(Math.abs((await inFrame(page)).width / Math.min(...(await whole(page))) - 1) < 0.01, 'to all of the shorter side');
    }
  });
});

test('a photograph of 49 megapixels is read in little memory, and one for which that is too little leaves the page as it was', async () => {
  const small = await launch({ webgpu: false, flags: ['--js-flags=--wasm-max-mem-pages=2400'] });
  try {
    await visit(small, async (page) => {
      await runOn(page, 'CPU');
      await ready(page);
      const levels = await seen(page, { name: 'large.jpg', mimeType: 'image/jpeg', buffer: greyJpeg(7000) });
      assert.deepEqual(new Set(levels), new Set([128]));
    });
    await visit(small, async (page) => {
      await runOn(page, 'CPU');
      await ready(page);
      await give(page, { name: 'large.png', mimeType: 'image/png', buffer: blackPng(7000) });
      await page.getByRole('alert').getByText('This picture has 7000×7000 pixels, which is too large for the memory this browser gives.').waitFor();
      await seen(page, await fixture('ok-rgb.png'));
      const levels = await seen(page, { name: 'large.jpg', mimeType: 'image/jpeg', buffer: greyJpeg(7000) });
      assert.deepEqual(new Set(levels), new Set([128]), 'the module decodes it smaller at once');
    }, { before: (page) => patch(page, '**/worker.js', REFUSE, 'before') });
  } finally {
    await small.close();
  }
});

/** A JPEG with three colours, whose coefficients are all 0. @param {number} side */
function greyJpeg(side) {
  const segment = (/** @type {number} */ marker, /** @type {number[]} */ content) => [0xFF, marker, (content.length + 2) >> 8, (content.length + 2) & 0xFF, ...content];
  const size = [side >> 8, side & 0xFF];
  const code = (/** @type {number} */ table) => [table, 1, ...Array(15).fill(0), 0];
  const head = [
    0xFF, 0xD8,
    ...segment(0xDB, [0, ...Array(64).fill(1)]),
    ...segment(0xC0, [8, ...size, ...size, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]),
    ...segment(0xC4, [...code(0), ...code(0x10)]),
    ...segment(0xDA, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]),
  ];
  // Two bits for each block.
  const blocks = 3 * Math.ceil(side / 8) ** 2;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(Math.ceil((2 * blocks) / 8)), Buffer.from([0xFF, 0xD9])]);
}

/** @param {number} side */
function blackPng(side) {
  const chunk = (/** @type {string} */ kind, /** @type {Buffer} */ data) => {
    const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
    const [length, sum] = [data.length, crc32(body)].map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    });
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([0, 0, side >> 8, side & 0xFF, 0, 0, side >> 8, side & 0xFF, 8, 2, 0, 0, 0]);
  const rows = deflateSync(Buffer.alloc(side * (1 + 3 * side)));
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]), chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

/** Gives a picture, waits for the prediction, and returns the pixels that the network sees. @param {Page} page @param {import('./site.js').Upload} upload */
async function seen(page, upload) {
  await give(page, upload);
  await page.getByRole('img', { name: `The original picture: ${upload.name}` }).waitFor();
  await ready(page);
  return levels(page);
}

/** The RGB values of the picture that the network sees. @param {Page} page */
const levels = (page) => page.locator('#original').evaluate((element) => {
  const canvas = /** @type {HTMLCanvasElement} */ (element);
  const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
  return [...data].filter((_, place) => place % 4 < 3);
});

/** @param {number[]} a @param {number[]} b */
function apart(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((sum, level, place) => sum + Math.abs(level - b[place]), 0) / a.length;
}

/** Width and height, on the page, of the whole picture. @param {Page} page @returns {Promise<[number, number]>} */
async function whole(page) {
  const box = await page.getByRole('img', { name: 'The whole picture' }).boundingBox();
  return [box?.width ?? 0, box?.height ?? 0];
}

/** @param {Page} page */
const inFrame = (page) => page.locator('.crop-frame').evaluate((frame) => frame.getBoundingClientRect());

/** The mean difference between the picture in the frame and the one that the network sees, in levels. @param {Page} page */
const framed = (page) => page.evaluate(() => {
  const picture = /** @type {HTMLCanvasElement} */ (document.querySelector('.crop-picture canvas'));
  const frame = /** @type {HTMLElement} */ (document.querySelector('.crop-frame'));
  const original = /** @type {HTMLCanvasElement} */ (document.getElementById('original'));
  const [left, top, width, height] = [frame.style.left, frame.style.top, frame.style.width, frame.style.height].map((part) => parseFloat(part) / 100);
  const side = 32;
  const small = (/** @type {HTMLCanvasElement} */ canvas, /** @type {[number, number, number, number]} */ part) => {
    const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(side, side).getContext('2d'));
    drawing.imageSmoothingQuality = 'high';
    drawing.drawImage(canvas, ...part, 0, 0, side, side);
    return drawing.getImageData(0, 0, side, side).data;
  };
  const shown = small(picture, [left * picture.width, top * picture.height, width * picture.width, height * picture.height]);
  const seen = small(original, [0, 0, original.width, original.height]);
  return shown.reduce((sum, level, place) => sum + Math.abs(level - seen[place]), 0) / shown.length;
});
