// Choosing an attack: a short list and a long one, each attack with its norm, parameters and cost.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { attacks, choose, duck, fool, launch, patch, ready, search, verdict, visit, withoutObjects } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const cost = (/** @type {Page} */ page) => page.locator('#attack-cost').innerText();
const detail = (/** @type {Page} */ page) => page.locator('#detail').innerText();
const norm = (/** @type {Page} */ page) => page.getByLabel('Norm', { exact: true });
const epsilon = (/** @type {Page} */ page) => page.getByLabel('Distance ε', { exact: true });
const target = (/** @type {Page} */ page) => page.getByRole('combobox', { name: 'Make it see' });
const longer = (/** @type {Page} */ page) => page.getByRole('button', { name: 'Search longer' });
/** The parameters in the page's link. @param {Page} page @returns {Promise<Record<string, string>>} */
const link = (page) => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
/** The number at a place in a sentence; 0 without one. @param {string} text @param {RegExp} place */
const count = (text, place) => Number(place.exec(text)?.[1].replaceAll(',', '') ?? 0);
const toy = { skip: withoutObjects };
const outcome = /^(Fooled|Not fooled)/;

test('a few attacks come first, all others under “More attacks”', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const groups = await attacks(page).locator('optgroup').evaluateAll((nodes) => nodes.map((node) => ({ label: /** @type {HTMLOptGroupElement} */ (node).label, attacks: node.childElementCount })));
    assert.deepEqual(groups.map(({ label }) => label), ['Start with these', 'More attacks']);
    const [few, many] = groups.map(({ attacks }) => attacks);
    assert.ok(few >= 2 && few <= 7 && many > few, `${few}, then ${many}`);
    assert.equal(await attacks(page).inputValue(), 'ddn');
  });
});

test('an attack from under “More attacks”, in another norm and with a parameter, speaks in that norm', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await choose(page, 'superdeepfool');
    const group = attacks(page).locator('optgroup').filter({ has: page.locator('option:checked') });
    assert.equal(await group.getAttribute('label'), 'More attacks');
    assert.match(await cost(page), /^Keeps ‖Δx‖₂ small\. Up to \d+ gradients/);
    await norm(page).selectOption({ label: 'L∞: largest change of one value' });
    assert.match(await cost(page), /^Keeps ‖Δx‖∞ small\./);
    await search(page, 8);
    await page.getByLabel('Wrong answers').fill('5');

    await fool(page);
    const [, size] = /^Smallest found in 8 steps: ‖Δx‖∞ = (0\.\d+); ‖Δx‖₂ = [\d.]+; average change/.exec(await detail(page)) ?? assert.fail(await detail(page));
    const first = await page.locator('#norms > div').first().innerText();
    assert.ok(first.startsWith('‖Δx‖∞') && first.includes(size), first);
    await page.getByText('still misread').filter({ hasText: '‖Δx‖∞ = ' }).waitFor();
    const { attack, norm: asked, steps, candidates } = await link(page);
    assert.deepEqual([attack, asked, steps, candidates], ['superdeepfool', 'linf', '8', '5']);
  }, { at: duck });
});

test('the cost follows the parameters', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await choose(page, 'pgd');
    assert.match(await cost(page), /^Keeps ‖Δx‖∞ within ε\. Up to 40 gradients/);
    await search(page, 10);
    assert.match(await cost(page), /within ε\. Up to 10 gradients/);
    await page.getByText('More parameters').click();
    await page.getByLabel('Searches over ε').fill('3');
    assert.match(await cost(page), /^Keeps ‖Δx‖∞ small\. Up to 30 gradients/);
    await choose(page, 'square');
    await search(page, 200);
    assert.match(await cost(page), /^Keeps ‖Δx‖∞ within ε\. Up to 200 predictions a picture, without gradients\./);
  }, { at: duck });
});

test('the network is as sure as asked, and the link says so', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const sizes = [];
    for (const [words, least] of /** @type {[string, number][]} */ ([['just barely', 0], ['90 %', 90]])) {
      await page.getByLabel('How sure').selectOption({ label: words });
      const said = await fool(page);
      assert.ok(count(said, /([\d.]+) % sure/) >= least, said);
      sizes.push(count(await detail(page), /‖Δx‖₂ = ([\d.]+)/));
    }
    assert.ok(sizes[1] > sizes[0], sizes.join());
    assert.equal((await link(page)).sure, '0.9');
  }, { at: duck });
});

test('a target that is missed is told with what is seen, and the picture can be kept', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const said = await fool(page, /^Not made to see “cup”/);
    const first = (await page.locator('#after').getByRole('listitem').first().textContent()) ?? '';
    const [, label] = /sees “([^”]+)”/.exec(said) ?? assert.fail(said);
    assert.ok(first.startsWith(label) && label !== 'cup', `“${said}” beside “${first}”`);
    if (said.includes('now')) await page.getByRole('link', { name: 'Download the picture' }).waitFor();
  }, { at: `${duck}&attack=fgsm&epsilon=0.3&target=cup` });
});

test('a target that is seen already is told before the search', toy, async () => {
  await visit(browser, async (page) => {
    const label = /“([^”]+)”/.exec(await ready(page))?.[1] ?? '';
    await target(page).fill(label);
    await target(page).press('Enter');
    await fool(page, /^The network sees “[^”]+” already/);
    assert.ok(await page.getByRole('link', { name: 'Download the picture' }).isHidden());
  }, { at: duck });
});

test('an attack without a target hides the field, and the next attack shows it again', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await target(page).fill('cup');
    assert.equal((await link(page)).target, 'cup');
    await choose(page, 'deepfool');
    assert.ok(await target(page).isHidden());
    await page.getByText('this attack has no target').waitFor();
    assert.equal((await link(page)).target, undefined);
    await fool(page);
    await choose(page, 'ddn');
    assert.equal(await target(page).inputValue(), 'cup');
    assert.equal((await link(page)).target, 'cup');
  }, { at: duck });
});

test('every attack runs on the duck in each of its norms', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const names = await attacks(page).locator('option').evaluateAll((options) => options.map((option) => /** @type {HTMLOptionElement} */ (option).value));
    assert.ok(names.length > 10, names.join(', '));
    for (const name of names) {
      await choose(page, name);
      const norms = await norm(page).locator('option').evaluateAll((options) => options.map((option) => /** @type {HTMLOptionElement} */ (option).value));
      for (const each of norms) {
        if (norms.length > 1) await norm(page).selectOption(each);
        assert.equal(await norm(page).isVisible(), norms.length > 1, name);
        const steps = page.getByLabel('Steps', { exact: true });
        if (await steps.count()) await steps.fill('3');
        const symbol = /Keeps (‖Δx‖.)/.exec(await cost(page))?.[1];
        assert.ok(symbol, await cost(page));
        for (const input of await page.locator('#attack-fields input[type=number]').all()) {
          const help = await input.getAttribute('aria-describedby');
          assert.ok(await page.locator(`#${help}`).textContent(), `${name}, ${each}: ${help}`);
        }
        const promised = count(await cost(page), /Up to ([\d,]+) gradient/);
        const said = await fool(page, outcome);
        assert.ok(count(await detail(page), /([\d,]+) gradients? and/) <= promised, `${name}, ${each}: ${await cost(page)} ${await detail(page)}`);
        if (said.startsWith('Fooled')) assert.match(await detail(page), new RegExp(`^(Smallest found|Found)( in (fewer than )?[\\d,]+ steps?)?: ${symbol} = `), `${name}, ${each}`);
        else assert.match(await detail(page), /^\S+ .+ (gradient|prediction)s? .*in .+ on the CPU/, `${name}, ${each}`);
        assert.equal((await link(page)).attack, name);
        assert.equal(await page.getByRole('alert').locator('p').count(), 0, `${name}, ${each}: an error`);
      }
    }
  }, { at: duck });
});

test('what does not fool within ε says so, and is searched longer only where there are steps', toy, async () => {
  await visit(browser, async (page) => {
    await ready(page);
    for (const [name, steps] of /** @type {const} */ ([['pgd', true], ['fgsm', false]])) {
      await choose(page, name);
      await epsilon(page).fill('0.0001');
      await fool(page, /^Not fooled/);
      assert.match(await detail(page), /ε|epsilon/i);
      assert.equal(await longer(page).isVisible(), steps, name);
    }
    await choose(page, 'pgd');
    await epsilon(page).fill('0.3');
    await fool(page);
    assert.ok(await longer(page).isHidden(), 'within ε there is nothing smaller to find');
    await page.getByText('More parameters').click();
    await page.getByLabel('Searches over ε').fill('2');
    await fool(page);
    assert.ok(await longer(page).isVisible());
  }, { at: duck });
});

test('a value out of its range is shown where it is folded away, and nothing is attacked', async () => {
  await visit(browser, async (page) => {
    const before = await ready(page);
    await choose(page, 'pgd');
    const searches = page.getByLabel('Searches over ε');
    assert.ok(await searches.isHidden());
    await page.getByText('More parameters').click();
    await searches.fill('-1');
    await page.getByText('More parameters').click();
    await page.getByRole('button', { name: 'Fool the network' }).click();
    assert.ok(await searches.isVisible());
    assert.ok(await searches.evaluate((node) => node === document.activeElement));
    assert.equal(await verdict(page).textContent(), before);
  });
});

test('reasons to doubt a result stand under the verdict, and go with it', toy, async () => {
  const doubt = 'const attack = Decoy.prototype.attack; Decoy.prototype.attack = async function (...args) { const result = await attack.apply(this, args); result.report.flags.push({ name: "test", message: "The test doubts it." }); return result; };';
  await visit(browser, async (page) => {
    await ready(page);
    const doubts = page.getByRole('list', { name: 'Doubts' }).getByRole('listitem');
    await search(page, 10);
    await fool(page);
    assert.equal(await doubts.last().textContent(), 'The test doubts it.');
    await page.getByRole('radio', { name: 'cup', exact: true }).check({ force: true });
    await page.getByText('The network sees “cup”').waitFor();
    assert.equal(await doubts.count(), 0);
  }, { at: duck, before: (page) => patch(page, '**/decoy.js', doubt) });
});
