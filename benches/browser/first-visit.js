// From the first visit to the first fooled photograph: bytes fetched and time, on the CPU device.
// `cargo xtask build --release`, then `python3 -m http.server 8080 --directory dist`, then
// `node benches/browser/first-visit.js`, which writes benches/results/first-visit.json.

import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { address, launch } from '../../tests/browser/site.js';

const ROUNDS = 3;

/** @typedef {{ milliseconds: Record<string, number>, bytes: Record<string, number> }} Visit */

/** What the cache answers counts as nothing. @param {import('playwright-core').BrowserContext} context @returns {Promise<Visit>} */
async function visit(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  /** @type {Record<string, number>} */
  const bytes = { page: 0, program: 0, weights: 0, pictures: 0, results: 0 };
  /** @type {Promise<unknown>[]} */
  const counting = [];
  page.on('requestfinished', (request) => {
    const { pathname } = new URL(request.url());
    const kind = pathname.includes('/pkg/') ? 'program'
      : pathname.endsWith('.safetensors') ? 'weights'
        : pathname.includes('/gallery/') ? 'pictures'
          : pathname.includes('/robustness/') ? 'results' : 'page';
    counting.push(request.sizes().then((sizes) => (bytes[kind] += Math.max(0, sizes.responseBodySize))).catch(() => {}));
  });
  /** @type {Record<string, number>} */
  const milliseconds = {};
  const began = performance.now();
  const reached = (/** @type {string} */ name) => (milliseconds[name] = Math.round(performance.now() - began));

  await page.goto(address);
  await page.getByRole('img', { name: /^The original picture/ }).waitFor();
  reached('picture');
  await page.getByRole('status').filter({ hasText: 'The network sees' }).first().waitFor();
  reached('answer');
  await page.getByRole('button', { name: 'Fool the network' }).click();
  await page.locator('#adversarial:not([hidden])').waitFor();
  reached('first fooled picture');
  await page.getByRole('status').filter({ hasText: 'Fooled' }).first().waitFor();
  reached('end of the search');
  await Promise.all(counting);
  await page.close();
  return { milliseconds, bytes: { ...bytes, all: Object.values(bytes).reduce((sum, part) => sum + part) } };
}

/** @param {Visit[]} visits @param {'milliseconds' | 'bytes'} what */
function medians(visits, what) {
  const middle = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  return Object.fromEntries(Object.keys(visits[0][what]).map((name) => [name, middle(visits.map((visit) => visit[what][name]))]));
}

const browser = await launch({ webgpu: false });
/** @type {Visit[]} */
const first = [];
/** @type {Visit[]} */
const second = [];
for (let round = 0; round < ROUNDS; round++) {
  const context = await browser.newContext();
  first.push(await visit(context));
  second.push(await visit(context));
  await context.close();
}
const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();
const summary = (/** @type {Visit[]} */ visits) => ({ milliseconds: medians(visits, 'milliseconds'), bytes: medians(visits, 'bytes') });
const result = {
  command: 'node benches/browser/first-visit.js',
  commit: git('describe', '--always', '--dirty', '--abbrev=12'),
  date: new Date().toISOString().slice(0, 10),
  machine: `${os.cpus()[0].model}, ${os.cpus().length} cores, server on the same machine`,
  browser: `Chromium ${browser.version()}, headless, CPU device`,
  rounds: ROUNDS,
  'first visit': summary(first),
  'second visit': summary(second),
};
await browser.close();
await mkdir('benches/results', { recursive: true });
await writeFile('benches/results/first-visit.json', `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
