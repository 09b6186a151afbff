// The chart shows the values of the result files, in every view and for every family.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { families, json, launch, visit } from './site.js';

/** @typedef {import('./site.js').Page} Page */
/** @typedef {import('../../www/robustness.js').Evaluation} Evaluation */
/** @typedef {import('../../www/robustness.js').Measure} Measure */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

/** @type {{ families: import('../../www/robustness.js').Measured[] }} */
const results = await json('robustness/figures.json');
const measured = results.families.map(({ family, ...found }) => ({ family: families.find(({ id }) => id === family) ?? assert.fail(family), ...found }));

const show = (/** @type {Page} */ page) => page.getByLabel('Show', { exact: true });
const table = (/** @type {Page} */ page) => page.getByText('The same figures as a table').click();
const list = (/** @type {Page} */ page) => page.locator('#legend').getByRole('listitem');
const predicted = (/** @type {Page} */ page) => page.getByRole('checkbox', { name: 'What accuracy under noise predicts' });
const limit = (/** @type {Page} */ page) => page.getByRole('checkbox', { name: 'The limit of any network' });

/** The numbers in a text; null for ∞, as in the file. @param {string} text */
const numbers = (text) => text.match(/[\d.,]+|∞/g)?.map((word) => (word === '∞' ? null : Number(word.replaceAll(',', '')))) ?? [];

/** Compares with the three digits in the table. @param {number | null | undefined} written @param {number | null} expected @param {string} what */
function agrees(written, expected, what) {
  if (expected === null) assert.equal(written ?? null, null, what);
  else assert.ok(Math.abs(expected - (written ?? NaN)) <= 0.006 * Math.abs(expected), `${what}: ${written}, measured ${expected}`);
}

/** The cells of the table row with this heading. @param {Page} page @param {string} name */
async function row(page, name) {
  const cells = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) }).getByRole('cell');
  return cells.allTextContents();
}

for (const { family, evaluations, transfer } of measured) {
  const [first] = evaluations;
  const at = `#model=${family.models[0].id}`;

  test(`every measure is drawn and tabled as it was measured, with its sentence: ${family.title}`, async () => {
    await visit(browser, async (page) => {
      await table(page);
      for (const [name, key] of /** @type {[string, Measure][]} */ ([['mean ‖Δx‖₂', 'mean_l2'], ['median ‖Δx‖₂', 'median_l2'], ['mean ‖Δx‖∞', 'mean_linf'], ['median ‖Δx‖∞', 'median_linf']])) {
        await show(page).selectOption(name);
        await page.getByRole('columnheader', { name }).waitFor();
        assert.equal(await page.locator('#chart-sentence').textContent(), first.growth[key]?.text ?? '');
        for (const level of first.levels) {
          const cells = await row(page, level.sigma.toFixed(2));
          const { value, low, high } = level[key];
          const written = numbers(cells[0]);
          for (const [index, figure] of [value, low, high].entries()) agrees(written[index], figure, `${key} at σ ${level.sigma}`);
          assert.equal(Number(cells.at(-4)), level.trainings.length);
        }
      }
    }, { at });
  });

  test(`the legend says what the band is an interval over, and single trainings are there: ${family.title}`, async () => {
    const counts = first.levels.map(({ trainings }) => trainings.length);
    const most = Math.max(...counts);
    await visit(browser, async (page) => {
      const band = list(page).filter({ hasText: /^band: 95 % interval over/ });
      assert.match((await band.textContent()) ?? '', most > 1 ? new RegExp(`over retraining \\(.*${most} trainings\\)`) : /over pictures, not over retraining$/);
      assert.equal(await list(page).filter({ hasText: /^the same training repeated$/ }).count(), most > 1 ? 1 : 0);
      if (most < 2) return;
      await table(page);
      for (const { sigma, trainings } of first.levels) {
        const cells = await row(page, sigma.toFixed(2));
        const singles = numbers(cells[1].replaceAll(', ', ' '));
        for (const [index, { mean_l2 }] of trainings.toSorted((a, b) => a.seed - b.seed).entries()) agrees(singles[index], mean_l2, `training ${index} at σ ${sigma}`);
      }
    }, { at });
  });

  test(`the share still read correctly, by the size of the change: ${family.title}`, async () => {
    await visit(browser, async (page) => {
      await table(page);
      await show(page).selectOption('share still read correctly');
      await page.getByText('how many pictures are still read correctly').waitFor();
      const proved = first.levels.filter(({ certified }) => certified);
      assert.equal(await list(page).count(), first.levels.length + Math.min(proved.length, 1), 'one line a σ, and one word for all that is proved');
      await list(page).filter({ hasText: `σ = ${family.models[0].sigma.toFixed(2)}, where the dial stands` }).waitFor();
      assert.deepEqual(await page.locator('#figures').getByRole('columnheader').allTextContents(), ['‖Δx‖₂', ...first.levels.map(({ sigma }) => `σ = ${sigma.toFixed(2)}`), ...proved.map(({ sigma }) => `σ = ${sigma.toFixed(2)}, proved`)]);
      const rows = await page.locator('#figures tbody').getByRole('row').count();
      assert.ok(rows >= 8, `${rows} rows`);
      for (const index of [0, rows - 1]) {
        const cells = await page.locator('#figures tbody').getByRole('row').nth(index).getByRole('cell').allTextContents();
        for (const [place, values] of [...first.levels.map(({ read }) => read), ...proved.map(({ certified }) => certified ?? [])].entries()) {
          const share = index ? /** @type {number} */ (values.at(-1)) : values[0];
          assert.ok(Math.abs(Number.parseFloat(cells[place]) - 100 * share) <= 0.051, `${cells[place]}, measured ${share}`);
        }
      }
      // The options for lines of a mean size are hidden.
      assert.deepEqual([await predicted(page).isVisible(), await limit(page).isVisible()], [false, false]);
    }, { at });
  });

  test(`what theory predicts and the limit are switched on where they are known: ${family.title}`, async () => {
    await visit(browser, async (page) => {
      await table(page);
      await page.locator('#chart-caption').filter({ hasText: 'against σ' }).waitFor();
      const known = first.levels.some(({ predicted }) => predicted !== null);
      assert.equal(await predicted(page).isVisible(), known);
      assert.equal(await limit(page).isVisible(), first.limit !== null);
      if (known) {
        await predicted(page).check();
        await list(page).filter({ hasText: 'predicted from accuracy under noise' }).waitFor();
        for (const { sigma, predicted } of first.levels) {
          const [, cell] = await row(page, sigma.toFixed(2));
          agrees(numbers(cell)[0], predicted?.value ?? null, `predicted at σ ${sigma}`);
        }
        await predicted(page).uncheck();
        await list(page).filter({ hasText: 'predicted from accuracy under noise' }).waitFor({ state: 'detached' });
      }
      if (first.limit !== null) {
        const before = await page.locator('#chart').screenshot();
        await limit(page).check();
        await list(page).filter({ hasText: 'limit of any network' }).waitFor();
        assert.notDeepEqual(await page.locator('#chart').screenshot(), before);
        await show(page).selectOption('mean ‖Δx‖∞');
        assert.ok(await limit(page).isHidden(), 'it is a length in L2');
      }
    }, { at });
  });

  test(`every evaluation can be chosen, those of other networks by their title: ${family.title}`, async () => {
    await visit(browser, async (page) => {
      const choice = page.getByLabel('Measured', { exact: true });
      await page.locator('#chart-caption').filter({ hasText: 'against σ' }).waitFor();
      assert.equal(await choice.isVisible(), evaluations.length > 1);
      await table(page);
      for (const [index, { networks, title, levels }] of evaluations.entries()) {
        if (evaluations.length > 1) await choice.selectOption({ index });
        const caption = (await page.locator('#chart-caption').textContent()) ?? '';
        assert.equal(caption.includes(title), networks !== family.id, caption);
        const [{ sigma, mean_l2 }] = levels;
        agrees(numbers((await row(page, sigma.toFixed(2)))[0])[0], mean_l2.value, title);
      }
    }, { at });
  });

  test(`what fools the others is a table, where it is measured: ${family.title}`, async () => {
    await visit(browser, async (page) => {
      await page.locator('#chart-caption').filter({ hasText: 'against σ' }).waitFor();
      const title = page.getByText('Does what fools one network fool the others?');
      assert.equal(await title.isVisible(), transfer !== undefined);
      if (!transfer) return;
      await title.click();
      for (const [index, sigma] of transfer.sigmas.entries()) {
        /** @type {string[]} */
        const written = transfer.shares[index].map((share) => (share === null ? '–' : `${Math.round(100 * share)} %`));
        assert.deepEqual(await row(page, `σ = ${sigma.toFixed(2)}`), written);
        assert.equal(written[index], '100 %', 'what fools a network fools that network');
      }
    }, { at });
  });
}

test('under the pointer stands what is there, in words', async () => {
  const { family, evaluations: [{ levels }] } = measured[0];
  await visit(browser, async (page) => {
    await page.locator('#chart-caption').filter({ hasText: 'against σ' }).waitFor();
    await page.locator('#chart .u-over').hover({ position: { x: 20, y: 100 } });
    await page.locator('#chart-readout').filter({ hasText: new RegExp(`^σ = ${levels[0].sigma.toFixed(2)} · mean ‖Δx‖₂`) }).waitFor();
    await show(page).selectOption('share still read correctly');
    await page.locator('#chart .u-over').hover({ position: { x: 2, y: 100 } });
    await page.locator('#chart-readout').filter({ hasText: /^‖Δx‖₂ = .* · σ = 0.00: [\d.]+ %/ }).waitFor();
  }, { at: `#model=${family.models[0].id}` });
});
