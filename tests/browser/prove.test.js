// “Prove it”: the votes while they are counted, the certified radius compared with the adversarial size, and
// cancelling.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fool, launch, ready, runOn, small, visit, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const at = `#model=${small.models[2].id}`;
const proof = (/** @type {Page} */ page) => page.getByRole('region', { name: 'Prove it' });

test('a proof is a radius, drawn beside what fools the network', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await fool(page);
    await proof(page).getByRole('button', { name: 'Prove it' }).click();
    await proof(page).getByText(/^\d+ of \d+ votes; \d+ of the last \d+ for “.+”$/).waitFor();
    const verdict = proof(page).getByText(/^(Proved|Nothing is proved): /);
    await verdict.waitFor();
    const words = await verdict.innerText();
    const [votes, count] = (/([\d,]+) of ([\d,]+) votes are for/.exec(words) ?? []).slice(1).map((number) => Number(number.replaceAll(',', '')));
    assert.ok(count >= 100 && votes <= count, words);
    assert.match(words, /Fooled: the network by itself, without noise, from ‖Δx‖₂ = \d/);
    if (words.startsWith('Proved')) {
      const radius = Number(/below ‖Δx‖₂ = ([\d.]+)/.exec(words)?.[1]);
      // Even 100 000 of 100 000 votes prove no more than 3.8 σ.
      assert.ok(radius > 0 && radius < 3.9 * small.models[2].sigma, words);
      await proof(page).getByRole('img', { name: /^Proved up to ‖Δx‖₂ = .*, fooled from ‖Δx‖₂ = / }).waitFor();
    }
    await proof(page).getByText('not for the network by itself').waitFor();
  }, { at });
});

test('the vote itself is turned, by no less than was proved', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await proof(page).getByRole('button', { name: 'Prove it' }).click();
    const verdict = proof(page).getByText(/^(Proved|Nothing is proved): /);
    await verdict.waitFor();
    await proof(page).getByRole('button', { name: 'Turn the vote' }).click();
    await proof(page).getByText(/Turned: a change of ‖Δx‖₂ = /).waitFor();
    const words = await verdict.innerText();
    const [, label, seen] = /votes are for “(.+?)”.* gives “(.+?)” the most of 100 votes/.exec(words) ?? [];
    assert.ok(label && seen && label !== seen, words);
    const [proved, turned] = [/below ‖Δx‖₂ = ([\d.]+)/, /Turned: a change of ‖Δx‖₂ = ([\d.]+)/].map((size) => Number(size.exec(words)?.[1] ?? 0));
    assert.ok(turned > proved, words);
    // What was found stays with this proof, and need not be looked for again.
    assert.equal(await proof(page).getByRole('button', { name: 'Turn the vote' }).count(), 0);
    assert.ok(await proof(page).getByRole('button', { name: 'Prove it' }).evaluate((button) => button === document.activeElement));
  }, { at });
});

test('a vote can be cancelled, and another picture takes its proof away', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await proof(page).getByRole('button', { name: 'Prove it' }).click();
    await proof(page).getByRole('button', { name: 'Cancel the vote' }).click();
    await proof(page).getByRole('button', { name: 'Prove it' }).waitFor();
    assert.equal(await proof(page).getByText(/^Proved/).count(), 0);
    await proof(page).getByLabel('under noise of σ').fill('0.3');
    await proof(page).getByRole('button', { name: 'Prove it' }).click();
    await proof(page).getByText(/^(Proved|Nothing is proved): /).waitFor();
    await proof(page).getByText(/votes under noise of σ = 0\.3,/).waitFor();
    await page.getByRole('slider', { name: 'Noise in training' }).press('ArrowRight');
    await proof(page).getByText(/^(Proved|Nothing is proved): /).waitFor({ state: 'hidden' });
  }, { at });
});
