// The page's progress while it loads: which file, its size, and how much has arrived.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, launch, photos, ready, says, through, until, visit, withoutSheet } from './site.js';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

for (const [what, ending] of /** @type {const} */ ([['program', '.wasm'], ['network', photos.models[0].file]])) {
  test(`of the ${what}, the page says how large it is and how much is here`, async () => {
    let size = 0;
    /** @type {() => void} */
    let release = () => {};
    const held = new Promise((resolve) => (release = () => resolve(undefined)));
    await through(async (request, response) => {
      const answer = await fetch(new URL(request.url ?? '', address));
      response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' });
      const body = Buffer.from(await answer.arrayBuffer());
      if (!new URL(request.url ?? '', address).pathname.endsWith(ending)) {
        response.end(body);
        return;
      }
      size = body.length;
      response.write(body.subarray(0, 0.4 * size));
      await held;
      response.end(body.subarray(0.4 * size));
    }, (at) => visit(browser, async (page) => {
      await says(page, new RegExp(`^Loading the ${what} \\(\\d+ MB\\)…`));
      const detail = page.locator('#detail').filter({ hasText: /^(39|40) %$/ });
      await detail.waitFor();
      const megabytes = /\((\d+) MB\)/.exec((await page.locator('#verdict').textContent()) ?? '')?.[1];
      assert.equal(Number(megabytes), Math.round(size / 1e6));
      release();
      await ready(page);
    }, { at }));
  });
}

test('the program is sent compressed, and as what can be compiled while it arrives', async () => {
  await visit(browser, async (page) => {
    const answered = page.waitForResponse(/\.wasm$/);
    await page.reload();
    const answer = await answered;
    assert.match((await answer.headerValue('content-encoding')) ?? '', /^(br|gzip)$/);
    assert.equal(await answer.headerValue('content-type'), 'application/wasm');
    const path = new URL(answer.url()).pathname.slice(1);
    const bytes = Number(await page.locator(`link[href="${path}"]`).getAttribute('data-bytes'));
    assert.ok(bytes > 3 * Number(await answer.headerValue('content-length')), 'to less than a third');
    await ready(page);
  });
});

test('a sheet of small pictures is not asked for before the network is here', { skip: withoutSheet }, async () => {
  const pathOf = (/** @type {import('playwright-core').Request} */ request) => new URL(request.url()).pathname;
  /** @type {string[]} */
  const here = [];
  /** @type {string[] | undefined} */
  let before;
  await visit(browser, async (page) => {
    await ready(page);
    await until(page, async () => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/sheet.png')), undefined);
  }, {
    before: async (page) => {
      page.on('requestfinished', (request) => here.push(pathOf(request)));
      page.on('request', (request) => pathOf(request).endsWith('/sheet.png') && (before ??= [...here]));
    },
  });
  assert.ok(before?.some((path) => path.endsWith(photos.models[0].file)), `what was here before it: ${before}`);
});
