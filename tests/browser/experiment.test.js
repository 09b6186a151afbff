// The experiment with the toy objects: choose the duck, fool the network, turn the dial, see the chart.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { duck, fool, launch, photos, quoted, ready, runOn, runsOn, says, search, toys, verdict, visit, withoutObjects } from './site.js';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test('one click on the duck changes to the toy objects, and one on a photo back', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    const dial = page.getByRole('slider', { name: 'Noise in training' });
    const objects = page.getByRole('radiogroup', { name: 'Object' }).getByRole('radio');
    assert.equal(await dial.getAttribute('max'), String(photos.models.length - 1));
    assert.equal(await objects.count(), 1);

    await page.getByAltText('duck').click();
    await page.getByRole('img', { name: 'The original picture: duck' }).waitFor();
    assert.match(await says(page, /The network sees “duck”/), /sure/);
    assert.equal(await dial.getAttribute('max'), String(toys.models.length - 1));
    assert.equal(await objects.count(), toys.labels.length);
    assert.equal(await page.locator('#before').getByRole('listitem').first().textContent().then((text) => text?.startsWith('duck')), true);
    await page.locator('#chart-caption').filter({ hasText: 'against σ' }).waitFor();
    await page.getByRole('combobox', { name: 'Make it see' }).fill('toy convertible 2');
    assert.equal(await page.getByRole('listbox', { name: 'Labels' }).getByRole('option').count(), 1);
    await page.keyboard.press('Enter');

    await page.getByRole('radiogroup', { name: 'Photograph' }).getByRole('img').first().click();
    await says(page, /The network sees “(?!duck)/);
    assert.equal(await dial.getAttribute('max'), String(photos.models.length - 1));
    assert.equal(await page.getByRole('combobox', { name: 'Make it see' }).inputValue(), '', 'the target was one of the toys');
  });
});

for (const [device, report] of /** @type {const} */ ([['WebGPU', /\(WebGPU\)/], ['CPU', /the CPU/]])) {
  test(`the duck is fooled on ${device}`, { skip: withoutObjects }, async () => {
    await visit(browser, async (page) => {
      await runOn(page, device);
      await ready(page);
      await runsOn(page, report);
      const fooled = await fool(page);
      assert.match(fooled, /^Fooled: “duck” is now “(?!duck”)/);
      assert.match((await page.locator('#detail').textContent()) ?? '', report);
      await page.getByRole('img', { name: /^The change to the picture, amplified/ }).waitFor();
      await page.getByRole('img', { name: /^The changed picture/ }).waitFor();
      const norms = await page.locator('#norms .figure').allTextContents();
      assert.equal(norms.length, 4);
      for (const norm of norms) assert.ok(Number(norm.replaceAll(',', '')) > 0, norm);
      assert.match((await page.locator('#eight-bit').textContent()) ?? '', /still misread/);
    }, { at: duck });
  });
}

test('an attack can be cancelled, and gives way to another picture', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await search(page, 1000);
    const button = page.getByRole('button', { name: 'Fool the network' });
    await button.click();
    await page.getByText(/^Step \d+ of 1000/).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await says(page, /^(Cancelled\. The network sees “duck”|Fooled)/);

    await button.click();
    await page.getByText(/^Step \d+ of 1000/).waitFor();
    await page.getByRole('radio', { name: 'cup', exact: true }).check({ force: true });
    assert.match(await says(page, /The network sees “cup”/), /^The/);
    assert.ok(await page.getByRole('button', { name: 'Cancel', exact: true }).isHidden());
  }, { at: duck });
});

test('an attack can be aimed at a label', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await page.getByRole('combobox', { name: 'Make it see' }).fill('cup');
    assert.match(await fool(page), /is now “cup”/);
  }, { at: duck });
});

test('the dial changes the network', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await fool(page);
    const { models } = toys;
    const fetched = page.waitForRequest((request) => new URL(request.url()).pathname.endsWith(`/${models[5].file}`));
    const dial = page.getByRole('slider', { name: 'Noise in training' });
    await dial.fill('5');
    assert.equal(await dial.getAttribute('aria-valuetext'), `σ = ${models[5].sigma.toFixed(2)}`);
    await fetched;
    // The attack on one network is repeated on the other, also where the dial is turned on before that network is there.
    await dial.fill('6');
    await page.locator('td.picture:not(:empty)').nth(1).waitFor({ state: 'attached' });
    await page.getByText('The same figures as a table').click();
    const own = await page.getByRole('row').filter({ has: page.locator('td.picture:not(:empty)') }).getByRole('rowheader').allTextContents();
    assert.deepEqual(own, [models[0], models[6]].map(({ sigma }) => sigma.toFixed(2)));
  }, { at: duck });
});

test('where the picture was searched in other steps than the chart, both are said', { skip: withoutObjects }, async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    await ready(page);
    await fool(page);
    await page.locator('#legend').getByText(/^this picture, DDN.*, 100 steps$/).waitFor();
    await page.locator('#chart-caption').getByText(/This picture was attacked with DDN.*, 100 steps, the pictures of the curve with DDN.*, 40 steps\./).waitFor();
    await search(page, 40);
    await fool(page);
    await page.locator('#legend').getByText(/^this picture$/).waitFor();
  }, { at: duck });
});

test('the verdict names what the bars show', async () => {
  await visit(browser, async (page) => {
    await runOn(page, 'CPU');
    const label = quoted(await ready(page));
    const [first] = await page.locator('#before').getByRole('listitem').allTextContents();
    assert.ok(label && first.startsWith(label), `${first}, ${await verdict(page).textContent()}`);
  });
});
