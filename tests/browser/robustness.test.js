// Failures around the page: files that are missing, truncated or slow, no connection, a lost GPU, and users who change
// their mind. Each time there is a clear message, and the page still works.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { address, duck, fool, gallery, give, launch, late, patch, photo, photos, pixels, ready, runOn, runsOn, says, search, through, until, visit, withoutObjects } from './site.js';

/** @typedef {import('./site.js').Page} Page */

/** @type {import('./site.js').Browser} */
let browser;
before(async () => (browser = await launch({ webgpu: false })));
after(() => browser.close());

const [clean, noisy] = photos.models;
const weights = (/** @type {{ file: string }} */ { file }) => `**/models/${file}*`;
const alert = (/** @type {Page} */ page) => page.getByRole('alert').locator('p');
const again = (/** @type {Page} */ page) => page.getByRole('button', { name: 'Try again' });
const cancel = (/** @type {Page} */ page) => page.getByRole('button', { name: 'Cancel', exact: true });
const dial = (/** @type {Page} */ page) => page.getByRole('slider', { name: 'Noise in training' });
/** Messages of the browser itself about a file that it cannot load. */
const expected = /Failed to load resource|net::ERR/;

/** Checks that the page works: the picture is classified, and the network is fooled. @param {Page} page */
async function works(page) {
  await ready(page);
  await search(page, 6);
  await fool(page);
}

/** Starts a long search, and waits until it has begun. @param {Page} page */
async function searching(page) {
  await search(page, 1000);
  await page.getByRole('button', { name: 'Fool the network' }).click();
  await page.getByText(/^Step \d+ of 1000/).first().waitFor();
}

/** Delays requests to a path until they are released. @param {Page} page @param {string} path */
async function hold(page, path) {
  /** @type {() => void} */
  let release = () => {};
  const held = new Promise((resolve) => (release = () => resolve(undefined)));
  await page.route(path, async (route) => {
    await held;
    await route.continue().catch(() => {});
  });
  return () => release();
}

// ---- files

test('a list of networks that is missing or broken is told, and can be tried again', async () => {
  for (const answer of [{ status: 404 }, { body: '{"families": [' }, { body: '{"families": []}' }]) {
    await visit(browser, async (page) => {
      await alert(page).filter({ hasText: /^The file models\/models\.json .+\.$/ }).waitFor();
      await says(page, /not complete/);
      await page.unroute('**/models/models.json');
      await again(page).click();
      await ready(page);
    }, { expected, before: (page) => page.route('**/models/models.json', (route) => route.fulfill(answer)) });
  }
});

test('a network whose file is missing is told, and the one before stays', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await dial(page).fill('1');
    await alert(page).filter({ hasText: `${noisy.file}, is missing on this site (status 404).` }).waitFor();
    assert.equal(await dial(page).inputValue(), '0');
    await works(page);
    assert.ok(await alert(page).isHidden(), 'what works again is no longer complained about');
  }, { expected, before: (page) => page.route(weights(noisy), (route) => route.fulfill({ status: 404 })) });
});

for (const [what, harm] of /** @type {[string, (weights: Buffer) => Buffer][]} */ ([
  ['cut short', (weights) => weights.subarray(0, weights.length / 2)],
  ['damaged', (weights) => weights.fill(0, 1_000_000, 1_000_100)],
])) {
  test(`a file ${what} is told, is not kept, and can be tried again`, async () => {
    await visit(browser, async (page) => {
      await alert(page).filter({ hasText: /arrived incomplete or damaged\./ }).waitFor();
      await says(page, /The network has not looked/);
      await page.unroute(weights(clean));
      await again(page).click();
      await works(page);
    }, { before: (page) => page.route(weights(clean), async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: harm(await response.body()) });
    }) });
  });
}

test('weights that were damaged in the browser’s store are fetched again; without a store everything works', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  try {
    await visit(context, ready);
    await visit(context, async (page) => {
      const kept = await page.evaluate(async () => {
        const cache = await caches.open('decoy-weights');
        const [request] = await cache.keys();
        await cache.put(request, new Response(new Uint8Array(1000)));
        return request.url;
      });
      assert.ok(kept.endsWith(`/models/${clean.file}?sha256=${clean.sha256}`), kept);
      const fetched = page.waitForRequest(kept);
      await page.reload();
      await fetched;
      await ready(page);
      await until(page, async (url) => {
        const response = await (await caches.open('decoy-weights')).match(url);
        return ((await response?.arrayBuffer())?.byteLength ?? 0) > 1000;
      }, kept);
    }, { at: '#steps=5' });
  } finally {
    await context.close();
  }
  await visit(browser, works, { before: (page) => patch(page, '**/worker.js', 'caches.open = () => Promise.reject(new Error("no store"));', 'before') });
});

for (const [what, line] of [
  ['cannot be read', 'const match = Cache.prototype.match; Cache.prototype.match = async function (...asked) { return (await match.apply(this, asked)) && new Response(new ReadableStream({ start: (stream) => stream.error(new TypeError("read failure")) })); };'],
  ['ends early', 'const match = Cache.prototype.match; Cache.prototype.match = async function (...asked) { const found = await match.apply(this, asked); return found && new Response((await found.arrayBuffer()).slice(0, 1000)); };'],
  ['does not answer', 'caches.open = () => new Promise(() => {});'],
  ['has no room', 'Cache.prototype.put = () => Promise.reject(new DOMException("full", "QuotaExceededError"));'],
  ['is not there', 'Object.defineProperty(self, "caches", { value: undefined });'],
]) {
  test(`the page works without a store that ${what}`, async () => {
    const context = await browser.newContext({ serviceWorkers: 'block' });
    try {
      await visit(context, ready);
      await visit(context, works, { before: (page) => patch(page, '**/worker.js', line, 'before') });
    } finally {
      await context.close();
    }
  });
}

test('two visits at the same time keep the same network', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  try {
    await Promise.all([visit(context, ready), visit(context, ready)]);
  } finally {
    await context.close();
  }
});

// ---- the program

/** Serves a file with another content type. @param {Page} page @param {string} path @param {string} type */
const called = (page, path, type) => page.route(path, async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, headers: { ...response.headers(), 'content-type': type } });
});
/** Messages of the browser itself about a script that it does not run. */
const scripts = /Failed to load module script|Failed to load resource/;

for (const path of ['main.js', 'view/dom.js']) {
  test(`where ${path} is not called JavaScript, the page says what it needs`, async () => {
    await visit(browser, async (page) => {
      await page.getByText(/If nothing more happens, the page cannot start\. .+web server.+JavaScript/).waitFor();
    }, { expected: scripts, before: (page) => called(page, `**/${path}`, 'text/plain') });
  });
}

test('in a frame that may load no scripts from its own site, the page says what it needs', async () => {
  await visit(browser, async (page) => {
    await page.getByText(/If nothing more happens, the page cannot start/).waitFor();
  }, { expected: /CORS policy|net::ERR/, before: (page) => page.route(address, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': 'sandbox allow-scripts' } });
  }) });
});

test('a page that starts slowly takes back that it cannot', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    assert.ok(await page.getByText(/the page cannot start/).isHidden());
  }, { before: (page) => late(page, '**/view/dom.js') });
});

for (const path of ['worker.js', 'weights.js', 'decoy.js']) {
  test(`where ${path} is not called JavaScript, the page says so, and can try again`, async () => {
    await visit(browser, async (page) => {
      await alert(page).filter({ hasText: /^The file (worker|pkg\/(threads\/)?decoy)\.js could not be fetched, .*or this site’s server does not call it JavaScript/ }).waitFor();
      await page.unroute(`**/${path}`);
      await again(page).click();
      await works(page);
    }, { expected: scripts, before: (page) => called(page, `**/${path}`, 'text/plain') });
  });
}

for (const type of ['application/octet-stream', 'text/plain', 'application/wasm; charset=utf-8']) {
  test(`the module works, though the server calls it ${type}`, async () => {
    await visit(browser, works, { before: (page) => called(page, '**/decoy_bg.wasm', type) });
  });
}

for (const type of ['application/wasm', 'text/html']) {
  test(`where a web page comes in place of the module, as ${type}, that is told, and can be tried again`, async () => {
    await visit(browser, async (page) => {
      await alert(page).filter({ hasText: /^The file pkg\/(threads\/)?decoy_bg\.wasm is not what this page expects\.$/ }).waitFor();
      await page.unroute('**/decoy_bg.wasm');
      await again(page).click();
      await works(page);
    }, { before: (page) => page.route('**/decoy_bg.wasm', (route) => route.fulfill({ contentType: type, body: '<!doctype html>' })) });
  });
}

// ---- the connection

test('a folder deep in a site, without headers of its own, is enough', async () => {
  await through(async (request, response) => {
    const path = request.url?.replace(/^\/some\/folder\//, '') ?? '';
    const answer = await fetch(new URL(path, address));
    response.writeHead(path === request.url ? 404 : answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }, (at) => visit(browser, works, { at: `${at}some/folder/` }));
});

test('weights that broke off go on where they broke off, where the server can', async () => {
  /** @type {string[]} */
  const ranges = [];
  await through(async (request, response) => {
    const answer = await fetch(new URL(request.url ?? '', address));
    const body = Buffer.from(await answer.arrayBuffer());
    const headers = { 'Content-Type': answer.headers.get('Content-Type') ?? '', 'Accept-Ranges': 'bytes', ETag: '"one"' };
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = body.subarray(from);
    response.writeHead(from ? 206 : answer.status, { ...headers, 'Content-Length': rest.length, ...(from && { 'Content-Range': `bytes ${from}-${body.length - 1}/${body.length}` }) });
    if (!request.url?.includes(clean.file) || ranges.push(request.headers.range ?? '') > 1) return response.end(rest);
    return response.write(rest.subarray(0, 0.6 * rest.length), () => setTimeout(() => response.destroy(), 500));
  }, (at) => visit(browser, async (page) => {
    await again(page).click();
    await ready(page);
    assert.match(ranges.join(), /bytes=[1-9]/);
  }, { at, expected }));
});

/** Serves the site over a slow connection, which can break. @param {(site: { address: string, line: { cut: boolean } }) => Promise<unknown>} use */
async function slowly(use) {
  const line = { cut: false };
  await through(async (request, response) => {
    const answer = await fetch(new URL(request.url ?? '', address));
    const bytes = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '', 'Content-Length': bytes.length });
    const slow = request.url?.includes('.safetensors');
    const piece = Math.ceil(bytes.length / (slow ? 25 : 1)); // a network of any size takes five seconds
    for (let sent = 0; sent < bytes.length && !response.destroyed; sent += piece) {
      if (slow && line.cut && sent > bytes.length / 2) response.destroy();
      else response.write(bytes.subarray(sent, sent + piece));
      if (slow) await sleep(200);
    }
    response.end();
  }, (at) => use({ address: at, line }));
}

test('fetching a network shows how far it is, in megabytes, and survives a broken line', async () => {
  await slowly(async ({ address: at, line }) => {
    await visit(browser, async (page) => {
      const shares = new Set();
      const words = `Loading the network (${Math.round(clean.bytes / 1e6)} MB)…`;
      await page.getByText(words).waitFor();
      for (let verdict = words; !/The network sees/.test(verdict); verdict = (await page.locator('#verdict').textContent()) ?? '') {
        const share = /^(\d+) %$/.exec((await page.locator('#detail').textContent()) ?? '');
        if (share && verdict === words) shares.add(Number(share[1]));
        await sleep(50);
      }
      assert.ok(shares.size > 3, [...shares].join(', '));

      line.cut = true;
      await dial(page).fill('1');
      await alert(page).filter({ hasText: /^This network could not be fetched\. Are you offline\?/ }).waitFor();
      assert.equal(await dial(page).inputValue(), '0');
      line.cut = false;
      await again(page).click();
      await page.waitForFunction((id) => location.hash.includes(id) && document.getElementById('cancel')?.hidden, noisy.id);
      assert.equal(await dial(page).inputValue(), '1');
    }, { at, expected });
  });
});

test('offline, the networks that were fetched work, and others say what they need', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  try {
    await visit(context, async (page) => {
      await ready(page);
      await dial(page).fill('1');
      await page.waitForFunction((id) => location.hash.includes(id) && document.getElementById('cancel')?.hidden, noisy.id);
      await context.setOffline(true);
      await dial(page).fill('0');
      await works(page);
      await give(page, await photo(page, 'image/jpeg'));
      await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
      await works(page);

      await dial(page).fill('2');
      await alert(page).filter({ hasText: /Are you offline\? Networks that were fetched before still work\.$/ }).waitFor();
      assert.equal(await dial(page).inputValue(), '0');
      await context.setOffline(false);
      await again(page).click();
      await page.waitForFunction((id) => location.hash.includes(id) && document.getElementById('cancel')?.hidden, photos.models[2].id);
    }, { expected });
  } finally {
    await context.close();
  }
});

// ---- a change of mind

test('the program can be cancelled on its way, and fetched after all', async () => {
  await visit(browser, async (page) => {
    await says(page, /^Loading the program/);
    await cancel(page).click();
    await says(page, /^Cancelled\. The network has not looked/);
    await page.unroute('**/decoy_bg.wasm');
    // The button first classifies the picture, then attacks with the settings of the form.
    await page.getByRole('button', { name: 'Fool the network' }).click();
    await page.getByText(/^Step \d+ of 40/).first().waitFor();
    await cancel(page).click();
    await says(page, /^(Cancelled|Fooled)/);
    await search(page, 6);
    await fool(page);
  }, { expected, before: (page) => hold(page, '**/decoy_bg.wasm') });
});

test('a network can be cancelled on its way: the one before stays', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await dial(page).fill('1');
    await cancel(page).click();
    await says(page, /^Cancelled\. The network sees/);
    assert.equal(await dial(page).inputValue(), '0');
    await works(page);
  }, { expected, before: (page) => hold(page, weights(noisy)) });
});

test('a classification can be cancelled', async () => {
  const slow = 'const look = Decoy.prototype.predict; Decoy.prototype.predict = async function (...args) { if (self.slow) await new Promise((done) => setTimeout(done, 3000)); return look.apply(this, args); };';
  await visit(browser, async (page) => {
    const before = await ready(page);
    const [worker] = page.workers();
    await worker.evaluate('self.slow = true');
    await page.getByRole('radiogroup', { name: 'Photograph' }).getByRole('img').nth(1).click();
    await cancel(page).click();
    await says(page, /^Cancelled\. The network sees/);
    assert.equal(await says(page, /./), `Cancelled. ${before}`);
    await worker.evaluate('self.slow = false');
    await works(page);
  }, { before: (page) => patch(page, '**/decoy.js', slow) });
});

test('a picture that was chosen before the page was complete is taken up', async () => {
  await visit(browser, async (page) => {
    await give(page, await photo(page, 'image/png'));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await works(page);
  }, { before: (page) => late(page, '**/models/models.json') });
});

test('of two photos chosen in quick succession the second stays, however late the first one comes', async () => {
  const [first, slow, quick] = gallery;
  /** @type {() => void} */
  let release = () => {};
  await visit(browser, async (page) => {
    const choose = (/** @type {{ title: string }} */ { title }) => page.getByAltText(title).click();
    const shown = (/** @type {{ title: string }} */ { title }) => page.getByRole('img', { name: `The original picture: ${title}` }).waitFor();
    await ready(page);
    await choose(quick);
    await shown(quick);
    const expected = await pixels(page, 'original');
    await choose(first);
    await shown(first);

    await choose(slow);
    await choose(quick);
    release();
    await shown(quick);
    await page.waitForLoadState('networkidle');
    await works(page);
    await shown(quick);
    assert.equal(await pixels(page, 'original'), expected);
  }, { before: async (page) => (release = await hold(page, `**/gallery/${photos.id}/${slow.file}`)) });
});

test('another picture in the middle of a search takes its place; what is no picture does not', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await searching(page);
    await give(page, { name: 'letter.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
    await alert(page).waitFor();
    assert.ok(await cancel(page).isVisible(), 'the search goes on');

    await give(page, await photo(page, 'image/png'));
    await page.getByRole('img', { name: /^The original picture: drawn/ }).waitFor();
    await works(page);
  });
});

// ---- the computation

test('a GPU that is lost in the middle of a search: the CPU takes over', { skip: withoutObjects }, async () => {
  const remember = 'const request = GPUAdapter.prototype.requestDevice; GPUAdapter.prototype.requestDevice = async function (...args) { return (self.gpu = await request.apply(this, args)); };';
  const graphic = await launch();
  try {
    await visit(graphic, async (page) => {
      await runOn(page, 'WebGPU');
      await ready(page);
      await runsOn(page, /^Running on .*\(WebGPU\)/);
      await searching(page);
      await page.workers()[0].evaluate('self.gpu.destroy()');
      await alert(page).filter({ hasText: /^The GPU was lost .+ Try again: the CPU takes over\.$/ }).waitFor();
      await search(page, 20);
      await again(page).click();
      await says(page, /^Fooled/);
      await runsOn(page, /^Running on the CPU( \(\d+ threads\))?\. The computation on the GPU had stopped\./);
    }, { at: duck, before: (page) => patch(page, '**/worker.js', remember, 'before') });
  } finally {
    await graphic.close();
  }
});

test('a computation that crashes is told, and starts afresh', async () => {
  await visit(browser, async (page) => {
    await ready(page);
    await searching(page);
    await page.workers()[0].evaluate('setTimeout(() => { throw new WebAssembly.RuntimeError("unreachable"); })');
    await alert(page).filter({ hasText: /^The computation stopped unexpectedly .+unreachable.+afresh\.$/ }).waitFor();
    await search(page, 6);
    await again(page).click();
    await says(page, /^Fooled/);
    await runOn(page, 'CPU');
    await works(page);
  });
});
