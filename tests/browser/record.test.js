// Records and downloads: the list of attacks tried, the figures as files, the command line, and the effect of JPEG.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { attacks, duck, fool, gallery, give, launch, photo, photos, ready, runOn, says, search, small, visit, withoutObjects, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const dial = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Noise in training' });
const list = (/** @type {Page} */ page) => page.getByRole('region', { name: 'Tried on this picture' }).getByRole('table');
const tried = (/** @type {Page} */ page) => list(page).locator('tbody').getByRole('row');

/** The file that a button saves. @param {Page} page @param {string} name */
async function saved(page, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name, exact: true }).click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
}

/** The figures in both file formats, CSV and JSON. @param {Page} page @param {string} what */
async function figures(page, what) {
  const csv = await saved(page, `Save ${what} as CSV`);
  const json = await saved(page, `Save ${what} as JSON`);
  assert.equal(csv.name.replace('.csv', ''), json.name.replace('.json', ''));
  /** @type {Record<string, any>[]} */
  const rows = JSON.parse(json.text);
  const lines = csv.text.split('\r\n');
  assert.equal(lines.pop(), '');
  assert.equal(lines[0], Object.keys(rows[0]).join(','));
  assert.equal(lines.length, rows.length + 1);
  return { rows, lines };
}

test('what was tried on a picture is listed, what failed too, and can be saved', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    assert.ok(await list(page).isHidden());
    await search(page, 6);
    await fool(page);
    await tried(page).first().waitFor();
    const first = (await tried(page).first().textContent()) ?? '';
    assert.match(first, /DDN.*6 steps.*σ = 0\.00fooled: “.+”, [\d.]+ %.*gradients?.*(ms|s)$/);
    assert.equal(await tried(page).first().getByRole('cell').count(), 8);

    await attacks(page).selectOption('noise');
    await fool(page, /^Not fooled/);
    await page.waitForFunction(() => document.querySelectorAll('#tried tbody tr').length === 2);
    assert.match((await tried(page).nth(1).textContent()) ?? '', /noise.*not fooled: “/i);

    await attacks(page).selectOption('ddn');
    await search(page, 6);
    await dial(page).fill('1'); // which attacks again
    await tried(page).nth(2).waitFor();
    assert.equal(await tried(page).count(), 3);
    assert.match((await tried(page).nth(2).textContent()) ?? '', /σ = 0\.10/);

    const { rows } = await figures(page, 'what was tried');
    assert.deepEqual(rows.map(({ attack, fooled, sigma }) => [attack, fooled, sigma]), [['ddn', true, 0], ['noise', false, 0], ['ddn', true, 0.1]]);
    assert.equal(rows[0].network, photos.models[0].id);
    assert.ok(rows[0].l2 > 0 && rows[0].linf > 0 && rows[0].l1 > 0 && rows[0].l0 > 0 && rows[0].milliseconds > 0);

    await page.getByAltText(gallery[1].title).click();
    await page.getByRole('img', { name: `The original picture: ${gallery[1].title}` }).waitFor();
    await ready(page);
    assert.ok(await list(page).isHidden(), 'another picture has its own list');
  });
});

test('a strip is noted and saved, network by network', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await search(page, 4);
    await page.getByRole('button', { name: 'Fool every network' }).click();
    await tried(page).nth(small.models.length - 1).waitFor();
    assert.equal(await tried(page).count(), small.models.length);
    const { rows } = await figures(page, 'the strip');
    assert.deepEqual(rows.map(({ network }) => network), small.models.map(({ id }) => id));
  }, { at: `#model=${small.models[0].id}` });
});

test('the figures behind the chart and what was measured here can be saved', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const { rows } = await figures(page, 'the chart’s figures');
    assert.deepEqual(rows.map(({ sigma }) => sigma), small.models.map(({ sigma }) => sigma));
    assert.ok(rows.every(({ mean_l2: mean, mean_l2_low: low, mean_l2_high: high }) => low <= mean && mean <= high));
    await page.getByLabel('Show', { exact: true }).selectOption({ label: 'share still read correctly' });
    const shares = await figures(page, 'the chart’s figures');
    assert.ok(shares.rows.length > 10 * small.models.length);

    await search(page, 2);
    await page.getByLabel('Number of pictures').fill('5');
    await page.getByRole('button', { name: 'Measure here' }).click();
    await page.getByText(/^Measured 5 pictures/).waitFor();
    const here = await figures(page, 'what was measured here');
    assert.deepEqual(here.rows.map(({ network, pictures, steps }) => [network, pictures, steps]), small.models.map(({ id }) => [id, 5, 2]));
  }, { at: `#model=${small.models[0].id}` });
});

/** @param {Page} page */
async function command(page) {
  await page.getByText('The same on the command line').click();
  return (await page.getByRole('region', { name: 'The command' }).textContent()) ?? '';
}

test('the command that does the same natively can be copied, and is in the report', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block', permissions: ['clipboard-read', 'clipboard-write'] });
  try {
    await visit(context, async (page) => {
      await ready(page);
      await search(page, 6);
      await page.getByLabel('How sure').selectOption('0.5');
      await fool(page);
      const words = await command(page);
      assert.equal(words, `decoy attack --model ${photos.models[0].id} --attack ddn:steps=6 --confidence 0.5 --out fooled.png www/gallery/photos/${gallery[0].file}`);
      await page.getByRole('button', { name: 'Copy command' }).click();
      await page.getByText('Copied.').waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), words);
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /report/ }).click()]);
      assert.equal(JSON.parse(await readFile(await download.path(), 'utf8')).command, words);
    });
  } finally {
    await context.close();
  }
});

test('the command names what was aimed at, the crop, and the user’s own file, as a shell takes them', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await give(page, { ...(await photo(page, 'image/jpeg')), name: "it's me.jpg" });
    await page.getByRole('img', { name: /^The original picture: it's me/ }).waitFor();
    await says(page, /The network sees/);
    await search(page, 2);
    await fool(page, /^(Fooled|Not)/);
    assert.match(await command(page), / --target 'red fox' --out fooled\.png 'it'\\''s me\.jpg'$/);
  }, { at: '#target=red+fox' });
  await visit(browser, async (page) => {
    await ready(page);
    await search(page, 2);
    await fool(page, /^(Fooled|Not)/);
    assert.match(await command(page), / --crop 10,20,200 --out /);
  }, { at: `#picture=${gallery[0].id}&crop=10,20,200` });
});

test('the command for small pictures cuts them out of their sheet', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await search(page, 4);
    await fool(page, /^(Fooled|Not)/);
    assert.match(await command(page), / --crop \d+,\d+,32 --out fooled\.png www\/gallery\/cifar10\/sheet\.png$/);
  }, { at: `#model=${small.models[0].id}` });
});

test('a picture that does not come with the source is named by its file alone', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await search(page, 4);
    await fool(page, /^(Fooled|Not)/);
    assert.match(await command(page), / fooled\.png obj1__0\.png$/);
  }, { at: duck });
});

test('what JPEG does to this picture is tried and told', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await runOn(page, 'CPU');
    await ready(page);
    await search(page, 20);
    await fool(page);
    const line = page.getByText(/^Keep it as PNG, 224×224: JPEG or resizing usually undoes it\./);
    await line.filter({ hasText: /as JPEG at quality 95, .+ “.+”, [\d.]+ % sure; at quality 75, .+ “.+”, [\d.]+ % sure\.$/ }).waitFor();
  });
});
