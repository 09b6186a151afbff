// Actions with a photo: crop it, take one with the camera, choose a target, compare the pictures, fool every network.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fool, give, launch, late, photos, ready, runOn, says, search, visit } from './site.js';

/** @typedef {import('./site.js').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

/** A fake camera with moving stripes. The page still needs the permission to use it. */
const CAMERA = '--use-fake-device-for-media-stream';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ flags: [CAMERA] })));
after(() => browser.close());

// ---- crop

const zoom = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Zoom', exact: true });
const across = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Move the square left and right' });

test('the square is zoomed and moved with the keyboard, and the network sees what is in it', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await halves(page);
    await sees(page, { red: true, blue: true });

    // The largest zoom, by the keys of the slider itself.
    await zoom(page).press('End');
    await across(page).press('Home');
    await sees(page, { red: true, blue: false });
    await says(page, /The network sees/);

    for (let presses = 0; presses < 13; presses += 1) await page.keyboard.press('Shift+ArrowRight');
    await sees(page, { red: false, blue: true });
    await zoom(page).press('Home');
    await sees(page, { red: true, blue: true });
  });
});

test('the square is dragged, and the wheel zooms', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await halves(page);
    const picture = page.getByRole('img', { name: 'The whole picture' });
    await picture.scrollIntoViewIfNeeded();
    const box = await boxOf(picture);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.up();
    for (let turns = 0; turns < 5; turns += 1) await page.mouse.wheel(0, -200);
    await sees(page, { red: true, blue: true });

    await page.mouse.down();
    await page.mouse.move(x + box.width / 4, y, { steps: 4 });
    await page.mouse.up();
    await sees(page, { red: false, blue: true });
    // A click outside of the square moves the square there.
    await page.mouse.click(box.x + box.width / 8, y);
    await sees(page, { red: true, blue: false });
  });
});

/** Gives the page a picture that is red on its left half and blue on its right. @param {Page} page */
async function halves(page) {
  const bytes = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(400, 300);
    const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    for (const [side, colour] of ['#f00', '#00f'].entries()) {
      drawing.fillStyle = colour;
      drawing.fillRect(200 * side, 0, 200, 300);
    }
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  });
  await give(page, { name: 'halves.png', mimeType: 'image/png', buffer: Buffer.from(bytes) });
  await page.getByRole('img', { name: /^The original picture: halves/ }).waitFor();
}

/** Waits until the picture that the network sees has these colours. @param {Page} page @param {{ red: boolean, blue: boolean }} colours */
async function sees(page, colours) {
  const picture = await page.getByRole('img', { name: /^The original picture/ }).elementHandle();
  await page.waitForFunction(({ picture, colours }) => {
    const canvas = /** @type {HTMLCanvasElement} */ (picture);
    const drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const levels = [...drawing.getImageData(0, 0, canvas.width, canvas.height).data];
    const has = (/** @type {number} */ channel) => levels.some((level, index) => index % 4 === channel && level > 200);
    return has(0) === colours.red && has(2) === colours.blue;
  }, { picture, colours });
}

// ---- camera

test('a picture is taken with the camera', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByRole('button', { name: 'camera' }).click();
    const dialog = page.getByRole('dialog', { name: 'Camera' });
    const take = dialog.getByRole('button', { name: 'Take the picture', disabled: false });
    await take.waitFor();
    const track = await dialog.locator('video').evaluateHandle((video) => {
      const stream = /** @type {MediaStream} */ (/** @type {HTMLVideoElement} */ (video).srcObject);
      return stream.getTracks()[0];
    });
    assert.equal(await track.evaluate((camera) => camera.readyState), 'live');
    await take.click();
    await page.getByRole('img', { name: /^The original picture: camera/ }).waitFor();
    await says(page, /The network sees/);
    assert.ok(await dialog.isHidden());
    assert.equal(await track.evaluate((camera) => camera.readyState), 'ended', 'the camera is off');
  }, { permissions: ['camera'] });
});

test('the camera is closed again without a picture', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const before = await ready(page);
    const button = page.getByRole('button', { name: 'camera' });
    const dialog = page.getByRole('dialog', { name: 'Camera' });
    await button.press('Enter');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await button.press('Enter');
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.ok(await button.evaluate((node) => node === document.activeElement), 'the focus is back on the button');
    assert.equal(await says(page, /./), before);
  }, { permissions: ['camera'] });
});

test('a camera that may not be used is told in a sentence, and so is a missing one', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByRole('button', { name: 'camera' }).click();
    await page.getByRole('alert').getByText(/^The camera may not be used here\. To allow it, .+\.$/).waitFor();
    assert.ok(await page.getByRole('dialog').isHidden());
    await search(page, 10);
    await fool(page);
  });

  const blind = await launch({ flags: ['--use-fake-ui-for-media-stream'] });
  try {
    await visit(blind, async (page) => {
      await page.getByRole('button', { name: 'camera' }).click();
      await page.getByRole('alert').getByText('No camera was found.').waitFor();
    }, { before: (page) => late(page, '**/models/models.json') });
  } finally {
    await blind.close();
  }
});

// ---- target

const target = (/** @type {Page} */ page) => page.getByRole('combobox', { name: 'Make it see' });
const options = (/** @type {Page} */ page) => page.getByRole('listbox', { name: 'Labels' }).getByRole('option');

test('a target is found by typing, and the network sees it', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await target(page).pressSequentially('convert');
    assert.deepEqual(await options(page).allTextContents(), ['convertible']);
    await page.keyboard.press('Enter');
    assert.equal(await target(page).inputValue(), 'convertible');
    assert.ok(await page.getByRole('listbox').isHidden());
    assert.match(await fool(page), /is now “convertible”/);

    await page.getByRole('button', { name: 'Clear: anything else' }).click();
    assert.equal(await target(page).inputValue(), '');
  });
});

test('of two names that begin alike the shorter one comes first, and near names where there is none', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const field = target(page);
    await field.pressSequentially('espr');
    await page.keyboard.press('Enter');
    assert.equal(await field.inputValue(), 'espresso');
    await field.fill('latte');
    await page.getByRole('paragraph').getByText('No name has these letters. Those above are spelled similarly.').waitFor();
    const near = await options(page).allTextContents();
    assert.ok(near.length > 0 && near.length <= 5 && near.every((label) => photos.labels.includes(label)), near.join(', '));
    // A suggestion is not chosen automatically.
    await page.keyboard.press('Enter');
    await page.getByText(`The network knows no “latte”. It knows “${near[0]}”`).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await field.inputValue(), near[0]);
  });
});

test('the best matches come first, and arrows, Escape and a click choose among them', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const field = target(page);
    await field.fill('cat');
    const found = await options(page).allTextContents();
    const kinds = found.map((label) => (/^cat/i.test(label) ? 0 : /\bcat/i.test(label) ? 1 : 2));
    assert.ok(kinds.includes(0) && kinds.includes(1) && kinds.includes(2), String(found));
    assert.deepEqual(kinds, kinds.toSorted());

    await field.press('ArrowDown');
    const active = (await field.getAttribute('aria-activedescendant')) ?? '';
    assert.equal(await page.locator(`[id="${active}"]`).textContent(), found[1]);
    assert.equal(await options(page).and(page.getByRole('option', { selected: true })).textContent(), found[1]);
    await field.press('Escape');
    assert.equal(await field.getAttribute('aria-expanded'), 'false');
    assert.equal(await field.inputValue(), 'cat');
    await field.press('Escape');
    assert.equal(await field.inputValue(), '');

    await field.fill('e');
    assert.equal(await options(page).count(), 50);
    await page.getByText(/^The first 50 of \d+/).waitFor();
    await options(page).nth(3).click();
    assert.ok((await field.inputValue()).length > 1);
    assert.ok(await options(page).first().isHidden());
  });
});

test('a name that is no label is told, and nothing is attacked', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const before = await ready(page);
    const field = target(page);
    await field.fill('flying carpet');
    await page.getByRole('button', { name: 'Fool the network' }).click();
    await page.getByText('The network knows no “flying carpet”.').waitFor();
    assert.ok(await field.evaluate((node) => node === document.activeElement));
    await page.waitForTimeout(1000); // the message stays
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    assert.equal(await says(page, /./), before);
  });
});

// ---- compare

/** Fools the network, so that there are two pictures to compare; returns the slider between them. @param {import('playwright-core').Page} page */
async function compared(page) {
  await runOn(page, 'CPU');
  await ready(page);
  await search(page, 10);
  await fool(page);
  return page.getByRole('slider', { name: 'Wipe between original and changed' });
}

test('the line wipes between the pictures and the zoom shows their pixels', async () => {
  await visit(browser, async (page) => {
    const wipe = await compared(page);
    await page.locator('#wipe').getByText('16×').click();
    const left = page.getByRole('slider', { name: 'Move the detail left and right' });
    const up = page.getByRole('slider', { name: 'Move the detail up and down' });
    await left.press('Home');
    await up.press('Home');

    for (const [key, name] of [['End', /^The original picture/], ['Home', /^The changed picture/]]) {
      await wipe.press(/** @type {string} */ (key));
      // One pixel is a square of one colour. The first pixels are hidden by the round corner.
      for (const [x, y] of [[2, 2], [3, 2], [2, 3], [9, 9]]) {
        const colour = await pixel(page.getByRole('img', { name }).first(), x, y);
        for (const [dx, dy] of [[0.2, 0.2], [0.5, 0.5], [0.8, 0.8]]) {
          assert.deepEqual(await lit(page, (x + dx) / 14, (y + dy) / 14), colour, `pixel ${x}, ${y} of ${name}`);
        }
      }
    }

    // The arrow keys move the detail in both directions.
    await left.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    assert.notEqual(await left.inputValue(), '0');
    assert.notEqual(await up.inputValue(), '0');
  });
});

test('the line and the detail are dragged', async () => {
  await visit(browser, async (page) => {
    const wipe = await compared(page);
    const view = page.locator('#wipe').getByRole('img').locator('..');
    const drag = async (/** @type {number} */ from, /** @type {number} */ to) => {
      await view.scrollIntoViewIfNeeded();
      const box = await boxOf(view);
      await page.mouse.move(box.x + from * box.width, box.y + box.height / 3);
      await page.mouse.down();
      await page.mouse.move(box.x + to * box.width, box.y + box.height / 3, { steps: 4 });
      await page.mouse.up();
    };
    await drag(0.5, 0.25);
    assert.equal(await wipe.inputValue(), '25');
    await page.keyboard.press('ArrowRight');
    assert.equal(await wipe.inputValue(), '26');

    await page.locator('#wipe').getByText('4×').click();
    const left = page.getByRole('slider', { name: 'Move the detail left and right' });
    const before = Number(await left.inputValue());
    await drag(0.8, 0.6);
    // A fifth of the visible part, which is a quarter of the picture.
    assert.ok(Math.abs(Number(await left.inputValue()) - before - 0.05) < 0.005);
    assert.equal(await wipe.inputValue(), '26');
    await drag(0.26, 0.9);
    assert.equal(await wipe.inputValue(), '90');
  });
});

/** A pixel of a picture on a canvas. @param {Locator} canvas @param {number} x @param {number} y */
function pixel(canvas, x, y) {
  return canvas.evaluate((node, [x, y]) => {
    const drawing = /** @type {CanvasRenderingContext2D} */ (/** @type {HTMLCanvasElement} */ (node).getContext('2d'));
    return [...drawing.getImageData(x, y, 1, 1).data.slice(0, 3)];
  }, [x, y]);
}

/** The colour shown at a place of the comparison. @param {Page} page @param {number} x a share of its width @param {number} y of its height */
async function lit(page, x, y) {
  const view = page.locator('#wipe').getByRole('img').locator('..');
  const image = await view.screenshot({ animations: 'disabled' });
  return page.evaluate(async ({ bytes, x, y }) => {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    drawing.drawImage(bitmap, 0, 0);
    return [...drawing.getImageData(Math.floor(x * bitmap.width), Math.floor(y * bitmap.height), 1, 1).data.slice(0, 3)];
  }, { bytes: [...image], x, y });
}

// ---- noise strip

test('the strip shows one result for every σ', async () => {
  const { models } = photos;
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByRole('button', { name: 'Fool every network' }).press('Enter');
    const cancel = page.getByRole('button', { name: 'Cancel the strip' });
    assert.ok(await cancel.evaluate((node) => node === document.activeElement), 'the focus goes on');
    await cancel.waitFor({ state: 'hidden' });

    const places = page.locator('#strip').getByRole('listitem');
    assert.equal(await places.count(), models.length);
    /** @type {{ size: number, bar: number }[]} */
    const sizes = [];
    for (const [index, { sigma }] of models.entries()) {
      const place = places.nth(index);
      await place.getByRole('heading', { name: `σ = ${sigma.toFixed(2)}` }).waitFor();
      await place.getByRole('img', { name: /^The changed picture/ }).waitFor();
      const [, size] = /‖Δx‖₂ = ([\d.]+)/.exec(await place.innerText()) ?? [];
      const bar = await place.locator('.fill').evaluate((fill) => parseFloat(/** @type {HTMLElement} */ (fill).style.width));
      sizes.push({ size: Number(size), bar });
    }
    const most = Math.max(...sizes.map(({ size }) => size));
    assert.ok(most > 0);
    for (const { size, bar } of sizes) assert.ok(Math.abs(bar - (100 * size) / most) < 1, JSON.stringify(sizes));

    const said = await page.locator('#strip').getByText(/^Networks trained with noise needed /).innerText();
    const [low, high = low] = said.match(/[\d.]+(?= )/g)?.map(Number) ?? [];
    const ratios = sizes.slice(1).map(({ size }) => size / sizes[0].size);
    assert.ok(Math.abs(low - Math.min(...ratios)) < 0.06 && Math.abs(high - Math.max(...ratios)) < 0.06, `${said} of ${ratios}`);

    // A picture of the strip opens its network with the result.
    const last = /** @type {{ id: string, sigma: number }} */ (models.at(-1));
    await page.getByRole('button', { name: `Look at the network trained with σ = ${last.sigma.toFixed(2)}` }).click();
    const verdict = await says(page, /^Fooled/);
    assert.ok((await places.last().innerText()).includes(/is now “([^”]+)”/.exec(verdict)?.[1] ?? '?'));
    assert.match(page.url(), new RegExp(last.id));
    assert.ok(await page.locator('#strip').isVisible(), 'and the strip stays');
  });
});

test('the strip is cancelled, and what was found stays', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByRole('button', { name: 'Fool every network' }).press('Enter');
    const places = page.locator('#strip').getByRole('listitem');
    await places.nth(0).getByRole('img').waitFor();
    await page.keyboard.press('Enter');
    const { models } = photos;
    await page.getByText(`Stopped after 1 of ${models.length} networks.`).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Fool every network' }).evaluate((node) => node === document.activeElement), 'the focus is back');
    assert.ok(await places.nth(0).getByRole('img').isVisible());
    assert.ok(await places.last().getByRole('img').isHidden());

    // Turning the dial stops it as well; the message says so, and a new start continues from there.
    await page.getByRole('button', { name: 'Fool every network' }).click();
    assert.ok(await places.nth(0).getByRole('img').isVisible(), 'it is not searched again');
    await page.getByText(/^step \d+ of/).waitFor();
    await page.getByRole('slider', { name: 'Noise in training' }).fill('1');
    await page.getByText(`Stopped after 1 of ${models.length} networks. “Fool every network” continues from here.`).waitFor();
    await ready(page);
    assert.ok(await places.nth(0).getByRole('img').isVisible());
    await page.getByRole('button', { name: 'Fool every network' }).click();
    await page.getByText(`${models.length} networks in`).waitFor();
    for (const place of await places.all()) assert.ok(await place.getByRole('img').isVisible());
  }, { at: '#steps=6' });
});

test('a strip that is stopped before anything was found leaves nothing behind', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByRole('button', { name: 'Fool every network' }).click();
    await page.getByRole('button', { name: 'Cancel the strip' }).click();
    await page.locator('#strip').waitFor({ state: 'hidden' });
    await search(page, 6);
    await fool(page);
  }, { at: '#steps=500' });
});

/** @param {Locator} element */
async function boxOf(element) {
  const box = await element.boundingBox();
  assert.ok(box);
  return box;
}
