// The experiment as a person makes it: the duck, the button, the dial, the chart.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, fool, launch, quoted, ready, runOn, says, verdict, visit, withoutGallery } from './site.js';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** @param {string} path */
const json = async (path) => (await fetch(new URL(path, address))).json();

test('the page loads, and the duck is there before the network', { skip: withoutGallery }, async () => {
  await visit(browser, async (page) => {
    await page.getByRole('img', { name: 'The original picture: duck' }).waitFor();
    assert.match(await says(page, /The network sees/), /“duck”/);
    const [first] = await page.getByRole('list').filter({ hasText: 'duck' }).first().getByRole('listitem').allTextContents();
    assert.match(first, /^duck \d+\.\d %$/);
  });
});

for (const [device, report] of /** @type {const} */ ([['WebGPU', /\(WebGPU\)/], ['CPU', /the CPU/]])) {
  test(`the duck is fooled on ${device}`, { skip: withoutGallery }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, device);
      await ready(page);
      await page.getByText(/^Running on/).filter({ hasText: report }).waitFor();
      const fooled = await fool(page);
      assert.match(fooled, /^Fooled: “duck” is now “(?!duck”)/);
      assert.match((await page.locator('#detail').textContent()) ?? '', report);
      await page.getByRole('img', { name: /^The change to the picture, amplified/ }).waitFor();
      await page.getByRole('img', { name: /^The changed picture/ }).waitFor();
      const norms = await page.locator('#norms .figure').allTextContents();
      assert.equal(norms.length, 4);
      for (const norm of norms) assert.ok(Number(norm.replaceAll(',', '')) > 0, norm);
      assert.match((await page.locator('#eight-bit').textContent()) ?? '', /still misread/);
    });
  });
}

test('an attack can be cancelled, and gives way to another picture', { skip: withoutGallery }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByLabel('Steps', { exact: true }).fill('1000');
    const button = page.getByRole('button', { name: 'Fool the network' });
    await button.click();
    await page.getByText(/^Step \d+ of 1000/).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    assert.match(await says(page, /^Cancelled/), /The network sees “duck”/);

    await button.click();
    await page.getByText(/^Step \d+ of 1000/).waitFor();
    await page.getByRole('radio', { name: 'cup', exact: true }).check({ force: true });
    assert.match(await says(page, /The network sees “cup”/), /^The/);
    assert.ok(await page.getByRole('button', { name: 'Cancel', exact: true }).isHidden());
  });
});

test('an attack can be aimed at a label', { skip: withoutGallery }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByLabel('Make the network see').selectOption('cup');
    assert.match(await fool(page), /is now “cup”/);
  });
});

test('the dial changes the network', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await fool(page);
    const { families: [{ models }] } = await json('models/models.json');
    const fetched = page.waitForRequest((request) => request.url().endsWith(`/${models[5].file}`));
    const dial = page.getByRole('slider', { name: 'Noise in the network’s training' });
    await dial.fill('5');
    assert.equal(await dial.getAttribute('aria-valuetext'), `σ = ${models[5].sigma.toFixed(2)}`);
    await fetched;
    await says(page, /The network sees/);
    await fool(page);
    await page.getByText('The same figures as a table').click();
    const own = await page.getByRole('row').filter({ has: page.locator('td.picture:not(:empty)') }).getByRole('rowheader').allTextContents();
    assert.deepEqual(own, [models[0], models[5]].map(({ sigma }) => sigma.toFixed(2)));
  });
});

test('the chart shows what was measured', async () => {
  const { evaluations: [file] } = await json('robustness/index.json');
  const { models: measured } = await json(`robustness/${file}`);
  const { families: [{ models }] } = await json('models/models.json');
  const shipped = measured.filter((/** @type {any} */ { model }) => models.some((/** @type {any} */ { id }) => id === model));
  assert.equal(shipped.length, models.length);
  await visit(browser, async (page) => {
    await page.getByText('The same figures as a table').click();
    for (const [name, key] of [['mean ‖Δx‖₂', 'mean_l2'], ['median ‖Δx‖₂', 'median_l2'], ['mean ‖Δx‖∞', 'mean_linf'], ['median ‖Δx‖∞', 'median_linf']]) {
      await page.getByLabel('Show').selectOption(name);
      await page.getByRole('columnheader', { name }).waitFor();
      for (const { sigma, summary } of shipped) {
        const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: sigma.toFixed(2) }) });
        const [interval, images] = await row.getByRole('cell').allTextContents();
        const { value, low, high } = summary[key];
        const written = interval.match(/[\d.,∞]+/g)?.map((text) => (text === '∞' ? null : Number(text.replaceAll(',', ''))));
        for (const [index, figure] of [value, low, high].entries()) {
          // The table writes three digits.
          if (figure === null) assert.equal(written?.[index] ?? null, null);
          else assert.ok(Math.abs(figure - (written?.[index] ?? NaN)) <= 0.006 * figure, `${key} at σ ${sigma}: ${interval}, measured ${figure}`);
        }
        assert.equal(Number(images.replaceAll(',', '')), summary.images);
      }
    }
  });
});

test('the verdict names what the bars show', async () => {
  await visit(browser, async (page) => {
    const label = quoted(await ready(page));
    const [first] = await page.locator('#before').getByRole('listitem').allTextContents();
    assert.ok(label && first.startsWith(label), `${first}, ${await verdict(page).textContent()}`);
  });
});
