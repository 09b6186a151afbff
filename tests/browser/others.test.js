// “Does it fool the others?”: every network of the dial classifies the picture that fools one of them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fool, launch, quoted, ready, runOn, small, visit, withoutSheet } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const others = (/** @type {Page} */ page) => page.getByRole('region', { name: 'Does it fool the others?' });

test('every network says what it sees in the picture that fools one, and another picture takes that away', { skip: withoutSheet }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const before = quoted(await ready(page));
    assert.ok(await others(page).isHidden(), 'nothing is fooled yet');
    await fool(page);
    await others(page).getByRole('button', { name: 'Show it to every network' }).click();
    const status = others(page).getByText(/^It fools \d of the \d other networks\.$/);
    await status.waitFor();
    const lines = await others(page).getByRole('listitem').allTextContents();
    assert.equal(lines.length, small.models.length);
    const made = small.models.length - 1;
    assert.match(lines[made], /^σ = [\d.]+ “.+”, [\d.]+ % sure\. The picture was made for this one\.$/);
    assert.notEqual(quoted(lines[made]), before);
    const fooled = lines.filter((line) => /Fooled too: “.+” is “.+”, [\d.]+ % sure\./.test(line)).length;
    assert.equal(await status.textContent(), `It fools ${fooled} of the ${made} other networks.`);
    assert.equal(lines.filter((line) => /Not fooled: “.+”, [\d.]+ % sure\./.test(line)).length, made - fooled);
    assert.ok(fooled > 0, 'what fools the noisiest network fools others');

    await page.getByRole('radiogroup', { name: 'Photograph' }).getByRole('img').first().click();
    await ready(page);
    assert.ok(await others(page).isHidden());
  }, { at: `#model=${small.models.at(-1)?.id}` });
});
