// The npm package as users get it: packed, installed into an empty project, and used from a page, directly and through
// a bundler.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { address, gallery, launch, part, photos, visit } from './site.js';

const KINDS = /** @type {Record<string, string>} */ ({ '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' });
const root = join(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'decoy-package-'));

/** The code of the examples in the package's README. */
const examples = [...readFileSync(join(root, 'pkg/README.md'), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);

/** A user's page: it prints the prediction before and after an attack. @param {string} from where the package is imported from */
const page = (from) => `<!doctype html><html lang="en"><title>mine</title><p role="status"></p><script type="module">
import init, { Decoy } from ${JSON.stringify(from)};
await init();
const decoy = await Decoy.create(await (await fetch('models/models.json')).text(), 'cpu');
const { id, models: [{ id: model, file }], input: { width, height } } = decoy.catalog().families.find(({ input }) => input.width < 200);
await decoy.loadModel(model, new Uint8Array(await (await fetch('models/' + file)).arrayBuffer()));
const canvas = new OffscreenCanvas(width, height);
const drawing = canvas.getContext('2d');
drawing.fillRect(0, 0, width, height);
drawing.fillStyle = '#ccc';
drawing.fillRect(width / 4, height / 4, width / 2, height / 3);
const picture = decoy.decode(id, new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer()));
const { report } = await decoy.attack(model, picture, { attack: 'ddn', steps: 10 });
document.querySelector('p').textContent = report.original.label + ' became ' + report.adversarial.label;
</script></html>`;

/** @type {import('./site.js').Browser} */
let browser;
before(async () => {
  browser = await launch({ webgpu: false });
  const npm = (/** @type {string[]} */ ...args) => execFileSync('npm', args, { cwd: project, encoding: 'utf8', shell: process.platform === 'win32' });
  const [tarball] = npm('pack', join(root, 'pkg'), '--silent').trim().split('\n').slice(-1);
  writeFileSync(join(project, 'package.json'), '{ "name": "mine", "private": true, "type": "module" }');
  npm('install', `./${tarball}`, '--offline', '--no-audit', '--no-fund', '--silent');
});
after(async () => {
  await browser.close();
  rmSync(project, { recursive: true });
});

/** Serves a folder together with the site's networks. @param {string} folder @param {(url: string) => Promise<unknown>} use */
async function served(folder, use) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', address);
    try {
      const body = pathname === '/cat.jpg'
        ? Buffer.from(await (await fetch(part(`gallery/${photos.id}/${gallery[0].file}`))).arrayBuffer())
        : pathname.startsWith('/models/')
          ? Buffer.from(await (await fetch(pathname.endsWith('models.json') ? part('models/models.json') : new URL(`.${pathname}`, address))).arrayBuffer())
          : readFileSync(join(folder, pathname.endsWith('/') ? 'index.html' : pathname));
      response.writeHead(200, { 'content-type': KINDS[extname(pathname) || '.html'] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await use(`http://127.0.0.1:${port}/`).finally(() => server.close());
}

/** @param {string} url */
const fools = (url) => visit(browser, async (page) => {
  const line = page.getByRole('status').filter({ hasText: ' became ' });
  await line.waitFor();
  const [from, to] = ((await line.textContent()) ?? '').split(' became ');
  assert.ok(from && to && from !== to, `${from}, ${to}`);
}, { at: url });

test('a page without a bundler uses the installed package', async () => {
  writeFileSync(join(project, 'index.html'), page('./node_modules/burn-decoy/decoy.js'));
  await served(project, fools);
});

test('a page built by Vite uses the installed package', async () => {
  writeFileSync(join(project, 'index.html'), page('burn-decoy'));
  execFileSync(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn', '--base', './'], { cwd: project });
  await served(join(project, 'dist'), fools);
});

test('every example of the package’s README runs as it stands there', async () => {
  assert.ok(examples.length > 0);
  for (const example of examples) {
    writeFileSync(join(project, 'main.js'), example);
    writeFileSync(join(project, 'index.html'), '<!doctype html><html lang="en"><title>mine</title><script type="module" src="./main.js"></script></html>');
    execFileSync(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn', '--base', './'], { cwd: project });
    await served(join(project, 'dist'), (url) => visit(browser, async (page) => {
      const line = await page.waitForEvent('console', (message) => message.text().includes(' became '));
      const [, from, to, size] = /^(.+) became (.+), ‖Δx‖₂ = (.+)$/.exec(line.text()) ?? [];
      assert.ok(from && to && from !== to && Number(size) > 0, line.text());
    }, { at: url }));
  }
});
