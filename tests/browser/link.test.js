// A link opens the page with the same picture, network and attack.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { attacks, choose, gallery, give, launch, photo, photos, pixels, ready, says, search, toys, visit, withoutObjects } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const [first, second, third] = gallery;
const hash = (/** @type {Page} */ page) => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.slice(1)));
const target = (/** @type {Page} */ page) => page.getByRole('combobox', { name: 'Make it see' });
const dial = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Noise in training' });
const norm = (/** @type {Page} */ page) => page.getByLabel('Norm', { exact: true });
const epsilon = (/** @type {Page} */ page) => page.getByLabel('Distance ε', { exact: true });
const steps = (/** @type {Page} */ page) => page.getByLabel('Steps', { exact: true });

test('a link is copied, and opens the same photo, square, network and attack', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block', permissions: ['clipboard-read', 'clipboard-write'] });
  try {
    let [link, picture] = ['', ''];
    await visit(context, async (page) => {
      await ready(page);
      await page.getByAltText(third.title).click();
      await page.getByRole('img', { name: `The original picture: ${third.title}` }).waitFor();
      await ready(page);
      await page.getByRole('button', { name: 'Crop' }).click();
      const whole = await pixels(page, 'original');
      await page.getByRole('slider', { name: 'Zoom', exact: true }).press('End');
      await page.waitForFunction((before) => /** @type {HTMLCanvasElement} */ (document.getElementById('original')).toDataURL() !== before, whole);
      await dial(page).fill('1');
      await page.waitForFunction((id) => location.hash.includes(id), photos.models[1].id);
      await choose(page, 'pgd');
      await norm(page).selectOption('l2');
      await search(page, 12);
      await epsilon(page).fill('0.5');
      await target(page).fill('teapot');
      await target(page).press('Enter');
      await page.getByRole('button', { name: 'Fool the network' }).click();
      console.log(await says(page, /^(Fooled|Not fooled|Not made)/), await page.locator('#detail').innerText());
      picture = await pixels(page, 'original');
      await page.getByRole('button', { name: 'Copy link' }).click();
      await page.getByText('Copied.').waitFor();
      link = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(link, `${page.url()}&run`, 'what was found is repeated');
    });
    await visit(context, async (page) => {
      await says(page, /^(Fooled|Not fooled|Not made)/);
      assert.equal(await pixels(page, 'original'), picture);
      assert.equal(await dial(page).inputValue(), '1');
      const chosen = await Promise.all([attacks(page), norm(page), steps(page), epsilon(page), target(page)].map((field) => field.inputValue()));
      assert.deepEqual(chosen, ['pgd', 'l2', '12', '0.5', 'teapot']);
      assert.equal(`${page.url()}&run`, link);
    }, { at: link });
  } finally {
    await context.close();
  }
});

test('a link opens an object, turned', { skip: withoutObjects }, async () => {
  const model = toys.models[3];
  await visit(browser, async (page) => {
    await page.getByRole('img', { name: 'The original picture: cup, turned by 15°' }).waitFor();
    await ready(page);
    assert.equal(await dial(page).getAttribute('aria-valuetext'), `σ = ${model.sigma.toFixed(2)}`);
    assert.equal(await steps(page).inputValue(), '25');
    assert.equal(await target(page).inputValue(), 'duck');
  }, { at: `#object=12&pose=3&model=${model.id}&attack=ddn&steps=25&target=duck` });
});

test('another link in the same tab is followed', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await page.evaluate((id) => (location.hash = `#picture=${id}&steps=7`), second.id);
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
    await ready(page);
    assert.equal(await steps(page).inputValue(), '7');
    await target(page).fill('teapot');
    await page.getByLabel('How sure').selectOption('0.9');
    await page.evaluate(() => (location.hash = '#attack=pgd&norm=l1&seed=3'));
    await page.waitForFunction(() => location.hash.includes('norm=l1&steps='));
    await page.getByText(/^Attack: PGD.*, L1, 40 steps, .*seed 3/).waitFor();
    assert.deepEqual([await norm(page).inputValue(), await page.getByLabel('Seed').inputValue()], ['l1', '3']);
    await page.evaluate((id) => (location.hash = `#picture=${id}`), first.id);
    await page.getByRole('img', { name: `The original picture: ${first.title}` }).waitFor();
    await ready(page);
    assert.deepEqual(hash(page), { picture: first.id, model: photos.models[0].id, attack: 'ddn', steps: '40' }, 'what it does not name is as usual');
    assert.equal(await target(page).inputValue(), '');
  });
});

test('what a link asks for in vain is left out, with a sentence', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const sentence = (await page.getByRole('alert').locator('p').textContent()) ?? '';
    for (const word of ['unicorn', 'photos-sigma-9', 'ddm', '1.5', 'flying carpet', '-3,a,1']) assert.ok(sentence.includes(`“${word}”`), `${word}: ${sentence}`);
    await page.getByRole('img', { name: `The original picture: ${first.title}` }).waitFor();
    assert.deepEqual(hash(page), { picture: first.id, model: photos.models[0].id, attack: 'ddn', steps: '40' });
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.getByRole('alert').getByRole('paragraph').waitFor({ state: 'detached' });
  }, { at: '#picture=unicorn&model=photos-sigma-9&attack=ddm&steps=1.5&target=flying+carpet&crop=-3,a,1&%00=%FF' });

  await visit(browser, async (page) => {
    await ready(page);
    const sentence = (await page.getByRole('alert').locator('p').textContent()) ?? '';
    for (const word of ['norm “l7”', 'epsilon “-1”', 'flavour “sweet”', 'target “teapot”']) assert.ok(sentence.includes(word), `${word}: ${sentence}`);
    assert.deepEqual([await attacks(page).inputValue(), hash(page).norm, hash(page).target], ['deepfool', 'l2', undefined]);
  }, { at: '#attack=deepfool&norm=l7&epsilon=-1&flavour=sweet&target=teapot' });

  await visit(browser, async (page) => {
    await ready(page);
    await page.getByRole('alert').getByText('lies outside of the picture').waitFor();
    assert.equal(hash(page).crop, undefined);
  }, { at: `#picture=${first.id}&crop=5000,0,100` });
});

test('the user’s own picture is not in the link, and the page says so', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await give(page, await photo(page, 'image/png'));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await ready(page);
    assert.deepEqual(hash(page), { model: photos.models[0].id, attack: 'ddn', steps: '40' });
    await search(page, 5);
    await page.getByRole('button', { name: 'Fool the network' }).click();
    await says(page, /^(Fooled|Not fooled)/);
    await page.getByText('but not your picture').waitFor();
  });
});

test('a bad attack in a link is told with all else that is bad, and the one before does not stay', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await choose(page, 'pgd');
    await page.evaluate(() => (location.hash = '#attack=magic&steps=9&target=unicorn&sure=2'));
    const sentence = page.getByRole('alert').locator('p');
    await sentence.filter({ hasText: 'attack “magic”' }).filter({ hasText: 'target “unicorn”' }).filter({ hasText: 'sure “2”' }).waitFor();
    assert.deepEqual([await attacks(page).inputValue(), await steps(page).inputValue()], ['ddn', '9']);
    // The notice belongs to that link, and disappears with it.
    await page.getByAltText(second.title).click();
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
    await sentence.waitFor({ state: 'detached' });
  });
});

test('on a narrow screen the notice of a link does not cover the list of labels', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await page.getByRole('alert').locator('p').waitFor();
    await target(page).fill('cat');
    for (const option of await page.getByRole('listbox', { name: 'Labels' }).getByRole('option').all()) {
      await option.scrollIntoViewIfNeeded();
      assert.ok(await option.evaluate((node) => {
        const { left, top, width, height } = node.getBoundingClientRect();
        return node.contains(document.elementFromPoint(left + width / 2, top + height / 2));
      }), await option.innerText());
    }
  }, { at: '#picture=unicorn', viewport: { width: 320, height: 640 } });
});

test('Back leads to the picture, the network and the target before, and not away', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await page.getByAltText(second.title).click();
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
    await ready(page);
    await page.waitForTimeout(600);
    await dial(page).fill('1');
    await page.waitForFunction((id) => location.hash.includes(id), photos.models[1].id);
    await page.waitForTimeout(600);
    await target(page).fill('teapot');
    await page.waitForFunction(() => location.hash.includes('teapot'));
    // Changes of other settings add no step to the history.
    await search(page, 7);
    await page.getByLabel('How sure').selectOption('0.9');

    await page.goBack();
    await page.waitForFunction(() => !location.hash.includes('teapot'));
    assert.equal(await target(page).inputValue(), '');
    assert.equal(await dial(page).inputValue(), '1');
    await page.goBack();
    await page.waitForFunction((id) => location.hash.includes(id), photos.models[0].id);
    await ready(page);
    assert.equal(await dial(page).inputValue(), '0');
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
    await page.goBack();
    await page.getByRole('img', { name: `The original picture: ${first.title}` }).waitFor();
    await page.goForward();
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
  });
});

test('Back leads to the user’s own picture as well; after a reload the page says that it is gone', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await give(page, await photo(page, 'image/png'));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await ready(page);
    await page.waitForTimeout(600);
    const zoom = page.getByRole('slider', { name: 'Zoom', exact: true });
    await zoom.press('End');
    await page.waitForTimeout(600);
    await ready(page);
    const zoomed = await zoom.getAttribute('aria-valuetext');
    await target(page).fill('teapot');
    await page.waitForFunction(() => location.hash.includes('teapot'));
    await page.goBack();
    await page.waitForFunction(() => !location.hash.includes('teapot'));
    assert.equal(await zoom.getAttribute('aria-valuetext'), zoomed);
    await page.waitForTimeout(600);
    await page.getByAltText(second.title).click();
    await page.getByRole('img', { name: `The original picture: ${second.title}` }).waitFor();
    await ready(page);
    await page.goBack();
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await ready(page);
    // The square stays where it was, in whole pixels.
    const kept = await zoom.getAttribute('aria-valuetext');
    assert.ok(Math.abs(parseFloat(kept ?? '') - parseFloat(zoomed ?? '')) < 0.2, `${kept}, before ${zoomed}`);
    await page.reload();
    await page.getByRole('alert').getByText('Your own picture is no longer here').waitFor();
    await page.getByRole('img', { name: `The original picture: ${first.title}` }).waitFor();
    await ready(page);
  });
});

test('a link can be copied before anything was done, and says whether it repeats the attack; with “run” it does', async () => {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const copy = async (/** @type {Page} */ page) => {
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('Copied.').waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  try {
    await visit(context, async (page) => {
      await ready(page);
      await page.getByText('It only opens them').waitFor();
      assert.equal(await copy(page), page.url());
      await search(page, 6);
      await page.getByRole('button', { name: 'Fool the network' }).click();
      await says(page, /^Fooled/);
      await page.getByText('repeats the attack at once').waitFor();
      const link = await copy(page);
      assert.match(link, /&run$/);
      // The form's settings differ from those of the result.
      await page.getByText('This was found with').waitFor({ state: 'hidden' });
      await choose(page, 'deepfool');
      await page.getByText(/^This was found with DDN.*, 6 steps; the settings are now DeepFool/).waitFor();
      assert.doesNotMatch(await copy(page), /run$/);
      await page.goto('about:blank');
      await page.goto(link);
      await says(page, /^Fooled/);
      assert.deepEqual([hash(page).steps, hash(page).run], ['6', undefined]);
    });
  } finally {
    await context.close();
  }
});
