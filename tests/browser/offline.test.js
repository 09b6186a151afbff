// The page without a connection, after one visit; and pages that are open while a new version is published.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, fool, gallery, give, launch, parts, photo, photos, ready, runsOn, search, through, until, visit } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

/** Messages of the browser itself about a file that it cannot load. */
const expected = /Failed to load resource|net::ERR/;
const folder = parts.replace('/', '');
const reload = (/** @type {Page} */ page) => page.getByRole('button', { name: 'Reload' });

/** @param {Page} page */
async function works(page) {
  await ready(page);
  await search(page, 6);
  await fool(page);
}

/** Waits until the page and the pictures shown are in the browser's cache. @param {Page} page @param {string} [version] */
const kept = (page, version = folder) => until(page, async ({ version, shown }) => {
  const name = (await caches.keys()).find((name) => name.endsWith(version));
  const cache = name && (await caches.open(name));
  const addresses = cache ? (await cache.keys()).map(({ url }) => url) : [];
  return addresses.some((url) => url.endsWith('figures.json')) && addresses.some((url) => url.endsWith(shown));
}, { version, shown: gallery[0].file });

/** Serves the site in a folder of another server, without its headers; its version can change, and it can fail. @param {(at: string, site: { version: string, gone: boolean }) => Promise<unknown>} use */
async function elsewhere(use) {
  const site = { version: folder, gone: false };
  await through(async (request, response) => {
    const path = request.url?.replace(/^\/some\/folder\//, '') ?? '';
    if (site.gone) {
      request.destroy();
      return;
    }
    const missing = path === request.url || (path.startsWith(folder) && site.version !== folder);
    const answer = missing ? new Response('not found', { status: 404 }) : await fetch(new URL(path.replace(site.version, folder), address));
    const body = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' });
    response.end(path ? body : body.toString().replaceAll(folder, site.version));
  }, (at) => use(`${at}some/folder/`, site));
}

/** Whether the page would use threads: a quick build of the site has none. @param {Page} page */
const wantsThreads = (page) => page.evaluate(() => document.querySelector('link[href*="threads"][data-bytes]') !== null);

/** Waits until the page, which was not isolated when it was opened, has reloaded itself for threads, and works. @param {Page} page */
async function isolated(page) {
  if (await wantsThreads(page)) await page.waitForFunction(() => crossOriginIsolated);
  await ready(page);
}

/** @param {(context: import('./site.js').BrowserContext) => Promise<unknown>} use @param {import('playwright-core').BrowserContextOptions} [options] */
async function within(use, options) {
  const context = await browser.newContext(options);
  try {
    await use(context);
  } finally {
    await context.close();
  }
}

test('after one visit the page opens offline, and a picture is fooled', () => within(async (context) => {
  await visit(context, async (page) => {
    await ready(page);
    await kept(page);
    await context.setOffline(true);
    await page.reload();
    await works(page);
    await give(page, await photo(page, 'image/jpeg'));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await works(page);
  }, { expected });
  await visit(context, works, { at: `#model=${photos.models[0].id}&photo=${gallery[0].id}&steps=6`, expected });
}));

test('it does so in a folder of any site, without headers of its own', () => elsewhere((at, site) => within(async (context) => {
  await visit(context, async (page) => {
    await isolated(page);
    await kept(page);
  }, { at });
  site.gone = true;
  await visit(context, works, { at, expected });
})));

test('where the server sends no headers for it, the service worker isolates the page, so that threads compute', () => elsewhere((at) => within(async (context) => {
  await visit(context, async (page) => {
    await isolated(page);
    const several = await page.evaluate(() => navigator.hardwareConcurrency > 1);
    if (several && await wantsThreads(page)) await runsOn(page, /^Running on the CPU \(\d+ threads\)\./);
    await works(page);
  }, { at });
  await visit(context, async (page) => {
    await ready(page);
    assert.ok(await page.evaluate(() => crossOriginIsolated), 'isolated at once');
  }, { at });
})));

test('a site that is renewed is opened as it is now, and offline too; a page that was open works on', () => elsewhere((at, site) => within(async (context) => {
  const version = '0123456789abcdef';
  const script = (/** @type {Page} */ page) => page.locator('script').getAttribute('src');
  await visit(context, async (before) => {
    await isolated(before);
    await kept(before);
    site.version = version;
    await visit(context, async (page) => {
      assert.equal(await script(page), `${version}/main.js`);
      await works(page);
      await kept(page, version);
    }, { at });
    assert.equal(await script(before), `${folder}/main.js`);
    await before.getByLabel('Run on').selectOption('CPU'); // starts a worker of its own
    await works(before);
  }, { at });
  // From an address outside of the page's folder, so that no page of the site is open.
  await visit(context, async (page) => {
    await until(page, async (version) => {
      const worker = (await navigator.serviceWorker.getRegistration('/some/folder/'))?.active;
      return worker?.state === 'activated' && worker.scriptURL.endsWith(version);
    }, version);
    const stores = (await page.evaluate(() => caches.keys())).filter((name) => name.includes('/some/folder/'));
    assert.deepEqual(stores.map((name) => name.slice(-version.length)), [version]);
  }, { at: new URL('/nothing', at).href, expected });
  site.gone = true;
  await visit(context, async (page) => {
    assert.equal(await script(page), `${version}/main.js`);
    await works(page);
  }, { at, expected });
})));

test('where the browser keeps nothing, a page whose files are gone says so, and can be reloaded', () => elsewhere((at, site) => within(async (context) => {
  await visit(context, async (page) => {
    await ready(page);
    site.version = '0123456789abcdef';
    await page.getByLabel('Run on').selectOption('CPU');
    await page.getByRole('alert').filter({ hasText: /^The file worker\.js could not be fetched, .+ If this page has been renewed since you opened it, reload it\./ }).waitFor();
    await reload(page).click();
    await works(page);
  }, { at, expected });
}, { serviceWorkers: 'block' })));

test('the page can be installed', () => within(async (context) => {
  await visit(context, async (page) => {
    await kept(page);
    const link = await page.locator('link[rel=manifest]').evaluate((link) => /** @type {HTMLLinkElement} */ (link).href);
    const manifest = await (await fetch(link)).json();
    assert.equal(manifest.display, 'standalone');
    assert.equal(new URL(manifest.start_url, link).href, new URL(address).href);
    for (const { src, type, sizes } of manifest.icons) {
      const at = new URL(src, link).href;
      const [width, height] = await page.evaluate(async (at) => {
        const image = Object.assign(new Image(), { src: at });
        await image.decode();
        return [image.naturalWidth, image.naturalHeight];
      }, at);
      if (sizes !== 'any') assert.equal(`${width}x${height}`, sizes);
      assert.equal((await fetch(at)).headers.get('Content-Type'), type);
    }
    const problems = await (await context.newCDPSession(page)).send('Page.getInstallabilityErrors');
    assert.deepEqual(problems.installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), []);
  });
}));
