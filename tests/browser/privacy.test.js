// Nothing is sent anywhere: checks all requests of the page while a photo is chosen and attacked.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, fool, give, launch, photo, ready, search, until, visit } from './site.js';

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

test('the page says that nothing is sent, asks only its own site for files, and after that for nothing at all', async () => {
  const context = await browser.newContext();
  /** @type {import('playwright-core').Request[]} */
  const requests = [];
  /** @type {string[]} */
  const sockets = [];
  context.on('request', (request) => requests.push(request));
  try {
    await visit(context, async (page) => {
      page.on('websocket', (socket) => sockets.push(socket.url()));
      await page.getByText('It never leaves this page.').waitFor();
      await page.getByText('sends nothing anywhere').waitFor();
      await ready(page);
      // Waits for the files that are fetched for offline use.
      await until(page, async () => {
        const shown = performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => /\/gallery\/.+\.(jpg|png)$/.test(name));
        const kept = await Promise.all(shown.map((name) => caches.match(name)));
        return navigator.serviceWorker.controller !== null && kept.every(Boolean);
      }, null);
      await page.waitForLoadState('networkidle');
      assert.ok(requests.length > 10, 'the requests are seen');
      assert.ok(requests.some((request) => request.url().includes('.safetensors')), 'those of the worker, too');
      const { origin } = new URL(address);
      for (const request of requests) {
        // Addresses of blobs and data are in the page's own memory.
        if (['blob:', 'data:'].includes(new URL(request.url()).protocol)) continue;
        assert.equal(`${request.method()} ${new URL(request.url()).origin}`, `GET ${origin}`, request.url());
        assert.equal(request.postData(), null);
      }

      requests.length = 0;
      await give(page, await photo(page, 'image/jpeg'));
      await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
      await ready(page);
      await search(page, 8);
      await fool(page);
      await page.getByRole('slider', { name: 'Zoom', exact: true }).waitFor({ state: 'hidden' });
      await page.waitForLoadState('networkidle');
      const sent = requests.map((request) => request.url()).filter((url) => !/^(blob|data):/.test(url));
      assert.deepEqual(sent, []);
      assert.deepEqual(sockets, []);
    });
  } finally {
    await context.close();
  }
});

test('the content security policy forbids the page to send anything elsewhere', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    const blocked = await page.evaluate(async () => {
      const outcome = (/** @type {Promise<unknown>} */ promise) => promise.then(() => 'sent', () => 'blocked');
      return Promise.all([
        outcome(fetch('https://example.org/', { mode: 'no-cors', method: 'POST', body: 'picture' })),
        outcome(new Promise((resolve, reject) => Object.assign(new Image(), { onload: resolve, onerror: reject, src: 'https://example.org/picture.png' }))),
      ]);
    });
    assert.deepEqual(blocked, ['blocked', 'blocked']);
  }, { expected: /Content Security Policy|violates the following/ });
});
