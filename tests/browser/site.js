// Shared by all browser tests: a browser, a page that must stay free of errors, and pictures to give it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export { launch } from './launch.js';

/** @typedef {import('playwright-core').Browser} Browser */
/** @typedef {import('playwright-core').BrowserContext} BrowserContext */
/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ name: string, mimeType: string, buffer: Buffer }} Upload */

export const address = process.env.DECOY_URL ?? 'http://127.0.0.1:8080/';

/** Time limit in milliseconds. Software WebGPU is far slower than a graphics card. */
const PATIENCE = 180_000;

/** The folder of the page's own files, which is named by their checksum; read from the page. */
export const parts = /src="([^"]*)main\.js"/.exec(await (await fetch(address)).text())?.[1] ?? '';

/** One of the page's own files. @param {string} path */
export const part = (path) => new URL(parts + path, address);

/** @param {string} path @returns {Promise<any>} */
export const json = async (path) => (await fetch(part(path))).json();

/** @typedef {{ id: string, title: string, reader: string, note?: string, labels: string[], input: { channels: number, width: number, height: number }, crop: number, models: { id: string, sigma: number, file: string, bytes: number, sha256: string }[] }} Family */

/** @type {{ families: Family[] }} */
export const { families } = await json('models/models.json');

/** @type {{ galleries: { family: string, present: boolean }[] }} */
const { galleries } = await json('gallery/gallery.json');
const contents = new Map(await Promise.all(galleries.filter(({ present }) => present).map(async ({ family }) => /** @type {const} */ ([family, await json(`gallery/${family}/gallery.json`)]))));

/**
 * The family whose gallery is of this kind, and its `gallery.json`. Where the site has no such gallery, `skip` is the
 * reason, and the rest must not be used.
 * @param {'photographs' | 'turntable' | 'sheet'} kind
 */
function shelf(kind) {
  const family = families.find(({ id }) => contents.get(id)?.kind === kind);
  return { skip: family ? false : `the site was built without a gallery of the kind “${kind}”`, family: family ?? families[0], gallery: contents.get(family?.id ?? '') };
}

const [photographs, turntable, sheet] = /** @type {const} */ (['photographs', 'turntable', 'sheet']).map(shelf);

/** The family that the page shows first. */
export const photos = photographs.family;

/** @type {{ id: string, title: string, credit: string, licence: string, source: string, file: string }[]} */
export const gallery = photographs.gallery.photos;

export const toys = turntable.family;

/** The option `skip` of tests that need the objects: the reason where the site has none. */
export const withoutObjects = turntable.skip;

export const small = sheet.family;

/** The option `skip` of tests that need small pictures: the reason where the site has none. */
export const withoutSheet = sheet.skip;

/** @type {{ class: number, index: number }[]} */
export const smallPictures = sheet.gallery?.pictures ?? [];

/** The link to the duck. */
export const duck = '#object=1';

/**
 * Opens the page, uses it, and fails on any error that it or its worker has reported.
 * @param {Browser | BrowserContext} browser @param {(page: Page) => Promise<unknown>} use
 * @param {import('playwright-core').BrowserContextOptions & { at?: string, before?: (page: Page) => Promise<unknown>, expected?: RegExp }} [options]
 * `at`: relative to the page's address; `before`: runs before the page is opened; `expected`: errors that the test
 * causes. The service worker is blocked, since tests cannot change its requests.
 */
export async function visit(browser, use, { at = '', before, expected, ...options } = {}) {
  const page = await ('newContext' in browser ? browser.newPage({ serviceWorkers: 'block', ...options }) : browser.newPage());
  page.setDefaultTimeout(PATIENCE);
  /** @type {string[]} */
  const errors = [];
  const report = (/** @type {string} */ error) => expected?.test(error) || errors.push(error);
  page.on('console', (message) => message.type() === 'error' && report(message.text()));
  page.on('pageerror', (error) => report(String(error)));
  try {
    await before?.(page);
    await page.goto(new URL(at, address).href);
    await use(page);
  } finally {
    await page.close();
  }
  assert.deepEqual(errors, [], 'the page reported errors');
}

/** Adds a line to a script of the site. @param {Page} page @param {string} path @param {string} line @param {'before' | 'after'} [place] */
export async function patch(page, path, line, place = 'after') {
  await page.route(path, async (route) => {
    const response = await route.fetch();
    const script = await response.text();
    await route.fulfill({ response, body: place === 'after' ? `${script}\n${line}` : `${line}\n${script}` });
  });
}

/** Delays a file of the site by two seconds. @param {Page} page @param {string} path */
export const late = (page, path) => page.route(path, async (route) => {
  await sleep(2000);
  await route.continue();
});

/** Starts another server in front of the site. @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => unknown} answer @param {(address: string) => Promise<unknown>} use */
export async function through(answer, use) {
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  try {
    await use(`http://127.0.0.1:${port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/**
 * Waits until an asynchronous condition holds in the page; `waitForFunction` does not wait for promises.
 * @template T @param {Page} page @param {(given: T) => Promise<boolean>} holds runs in the page @param {T} given
 */
export async function until(page, holds, given) {
  while (!(await page.evaluate(/** @type {(given: any) => Promise<boolean>} */ (holds), given))) await sleep(100);
}

/** The page's verdict on the picture. @param {Page} page */
export const verdict = (page) => page.locator('#verdict');

/** Waits until the verdict matches, and returns it. @param {Page} page @param {RegExp} words @returns {Promise<string>} */
export async function says(page, words) {
  const line = verdict(page).filter({ hasText: words });
  await line.waitFor();
  return (await line.textContent()) ?? '';
}

/** The label that the page quotes in “…”. @param {string} text */
export const quoted = (text) => /“([^”]+)”/.exec(text)?.[1];

/** Waits until the picture is classified. @param {Page} page */
export const ready = (page) => says(page, /The network sees/);

/** @param {Page} page @param {Upload} upload */
export const give = (page, upload) => page.getByLabel('Use your own picture').setInputFiles(upload);

/** The field in which the attack is chosen. @param {Page} page */
export const attacks = (page) => page.getByLabel('How to search');

/** Opens the attack's method and parameters, if they are folded. @param {Page} page */
export async function openForm(page) {
  if (await attacks(page).isHidden()) await page.getByText(/^Attack: /).click();
}

/** Chooses an attack. @param {Page} page @param {string} name */
export async function choose(page, name) {
  await openForm(page);
  await attacks(page).selectOption(name);
}

/** @param {Page} page @param {number} steps */
export async function search(page, steps) {
  await openForm(page);
  await page.getByLabel('Steps', { exact: true }).fill(String(steps));
}

/** A shipped network as an ONNX file. @param {string} id */
export function exported(id) {
  const folder = mkdtempSync(join(tmpdir(), 'decoy-'));
  const file = join(folder, 'network.onnx');
  execFileSync(process.env.DECOY ?? 'target/release/decoy', ['export', '--model', id, file]);
  const bytes = readFileSync(file);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** Waits until the page names this device, in a text that may be folded. @param {Page} page @param {RegExp} words */
export const runsOn = (page, words) => page.locator('#device-report').filter({ hasText: words }).waitFor({ state: 'attached' });

/** The pixels of a picture on the page, as a data URL. @param {Page} page @param {'original' | 'difference' | 'adversarial'} name */
export const pixels = (page, name) => page.locator(`#${name}`).evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL());

/** @param {Page} page @param {'automatic' | 'WebGPU' | 'CPU'} device */
export const runOn = (page, device) => page.getByLabel('Run on').selectOption(device);

/** Starts the attack and waits for the outcome. @param {Page} page @param {RegExp} [outcome] */
export async function fool(page, outcome = /^Fooled/) {
  await page.getByRole('button', { name: 'Fool the network' }).click();
  return says(page, outcome);
}

/**
 * A photo without a certain object, drawn by the browser.
 * @param {Page} page @param {'image/png' | 'image/jpeg'} mimeType @param {number} [width] @param {number} [height]
 * @returns {Promise<Upload>}
 */
export async function photo(page, mimeType, width = 400, height = 300) {
  const bytes = await page.evaluate(async ({ mimeType, width, height }) => {
    const canvas = new OffscreenCanvas(width, height);
    const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const sky = drawing.createLinearGradient(0, 0, width, height);
    sky.addColorStop(0, '#204060');
    sky.addColorStop(1, '#d0b080');
    drawing.fillStyle = sky;
    drawing.fillRect(0, 0, width, height);
    drawing.fillStyle = '#f0e8d0';
    drawing.beginPath();
    drawing.ellipse(width / 2, height / 2, width / 4, height / 3, 0.4, 0, 7);
    drawing.fill();
    const blob = await canvas.convertToBlob({ type: mimeType });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, { mimeType, width, height });
  return { name: `drawn.${mimeType.slice(6)}`, mimeType, buffer: Buffer.from(bytes) };
}
