// From the first visit to the first fooled photograph: time and bytes transferred by stage, on both devices.
// `cargo xtask bench visit` serves a release build and runs it; it writes benches/results/first-visit.json.

import { address, launch } from '../../tests/browser/site.js';
import { median } from './median.js';
import { record } from './record.js';

/** @typedef {'cpu' | 'webgpu'} Device */
/** @typedef {{ reached: Record<string, number>, parts: Record<string, number>, bytes: Record<string, number> }} Visit */

const ROUNDS = 3;
/** Steps of the attack: the page's default on the CPU, few on WebGPU, since it may be a software GPU. */
const STEPS = { cpu: 40, webgpu: 8 };
/** A line of 10 Mbit/s, in bytes a second, with its latency in milliseconds. */
const LINE = { offline: false, downloadThroughput: 1.25e6, uploadThroughput: 1.25e6, latency: 40 };

/** Chooses the device, and records when each stage becomes visible. Runs in the page, before its own scripts. @param {Device} device */
function watch(device) {
  /** @type {Record<string, number>} */
  const moments = {};
  const signs = {
    'picture visible': ['#original[aria-label^="The original picture"]', ''],
    'device ready': ['#device-report', 'Running on'],
    'answer shown': ['#verdict', 'The network sees'],
    'first attack step': ['#run-note', 'Step'],
    'first fooled picture': ['#adversarial:not([hidden])', ''],
    'end of the search': ['#verdict', 'Fooled'],
  };
  const note = (/** @type {string} */ name) => (moments[name] ??= performance.now());
  new MutationObserver(() => {
    for (const [name, [selector, words]] of Object.entries(signs)) {
      if (document.querySelector(selector)?.textContent?.startsWith(words)) note(name);
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });
  addEventListener('click', () => note('button pressed'), { capture: true });
  document.addEventListener('readystatechange', () => {
    /** @type {HTMLSelectElement} */ (document.getElementById('device')).value = device;
  }, { once: true });
  const { compileStreaming } = WebAssembly;
  WebAssembly.compileStreaming = async (response) => {
    const module = await compileStreaming(response);
    note('program compiled');
    return module;
  };
  Object.assign(globalThis, { moments });
}

/** The kind of a file, by its path. */
const kinds = { program: /\/pkg\//, network: /\.safetensors$/, pictures: /\/gallery\//, results: /\/robustness\//, page: /./ };

/** Opens the page and fools the network. @param {import('playwright-core').BrowserContext} context @param {Device} device @param {typeof LINE} [line] @returns {Promise<Visit>} */
async function visit(context, device, line) {
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  if (line) await (await context.newCDPSession(page)).send('Network.emulateNetworkConditions', line);
  const bytes = { program: 0, network: 0, pictures: 0, results: 0, page: 0 };
  let networkFetched = 0; // as a date, since the worker and the page have different clocks
  /** @type {Promise<unknown>[]} */
  const counting = [];
  page.on('requestfinished', (request) => {
    const { pathname } = new URL(request.url());
    const kind = /** @type {keyof typeof kinds} */ (Object.entries(kinds).find(([, paths]) => paths.test(pathname))?.[0]);
    const { startTime, responseEnd } = request.timing();
    if (kind === 'network') networkFetched = startTime + responseEnd;
    counting.push(request.sizes().then(({ responseHeadersSize: head, responseBodySize: body }) => (bytes[kind] += head + body)));
  });
  await page.addInitScript(watch, device);
  await page.goto(address);
  await page.locator('#verdict', { hasText: 'The network sees' }).waitFor();
  await page.getByText(/^Attack: /).click();
  await page.getByLabel('Steps', { exact: true }).fill(String(STEPS[device]));
  await page.getByRole('button', { name: 'Fool the network' }).click();
  await page.locator('#verdict', { hasText: 'Fooled' }).waitFor();
  const { moments, origin, report } = await page.evaluate(() => ({
    moments: /** @type {Record<string, number>} */ ({
      .../** @type {any} */ (globalThis).moments,
      'program fetched': /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType('resource')).find(({ name }) => name.endsWith('.wasm'))?.responseEnd,
    }),
    origin: performance.timeOrigin,
    report: document.getElementById('device-report')?.textContent ?? '',
  }));
  if (report.includes('WebGPU') !== (device === 'webgpu')) throw new Error(`another device was wanted than this: ${report}`);
  await Promise.all(counting);
  await page.close();
  if (networkFetched) moments['network fetched'] = networkFetched - origin;
  const { 'picture visible': picture, 'button pressed': pressed, ...rest } = moments;
  const hesitation = pressed - rest['answer shown'];
  const chain = Object.entries(rest).sort(([, a], [, b]) => a - b)
    .map(([name, at]) => /** @type {const} */ ([name, at > pressed ? at - hesitation : at]));
  return {
    reached: { 'picture visible': picture, ...Object.fromEntries(chain) },
    parts: Object.fromEntries(chain.map(([name, at], index) => [name, at - (chain[index - 1]?.[1] ?? 0)])),
    bytes: { ...bytes, all: Object.values(bytes).reduce((sum, part) => sum + part) },
  };
}

/** The medians over visits. @param {Visit[]} visits */
function summary(visits) {
  const middle = (/** @type {keyof Visit} */ what) => Object.fromEntries(Object.keys(visits[0][what]).map((name) => (
    [name, Math.round(median(visits.map((visit) => visit[what][name])))])));
  return { reached: middle('reached'), parts: middle('parts'), bytes: middle('bytes') };
}

const visits = /** @type {Device[]} */ (['cpu', 'webgpu']).map((device) => ({ device, first: /** @type {Visit[]} */ ([]), second: /** @type {Visit[]} */ ([]) }));
for (let round = 0; round < ROUNDS; round++) {
  for (const { device, first, second } of visits) {
    const browser = await launch({ webgpu: device === 'webgpu' }); // a new browser each time, without caches
    const context = await browser.newContext();
    first.push(await visit(context, device));
    second.push(await visit(context, device));
    await browser.close();
  }
}
const browser = await launch({ webgpu: false });
const slow = await visit(await browser.newContext(), 'cpu', LINE);
await browser.close();

const result = {
  server: 'on the same machine',
  rounds: ROUNDS,
  units: 'milliseconds since navigation (reached) or since the part before (parts), the time until the button is pressed left out; bytes as sent, compressed, heads included; medians over the rounds',
  ...Object.fromEntries(visits.map(({ device, first, second }) => [device, { steps: STEPS[device], 'first visit': summary(first), 'second visit': summary(second) }])),
  'cpu, 10 Mbit/s, 40 ms, once': { 'first visit': summary([slow]) },
};
await record(browser.version(), result);
console.log(JSON.stringify(result, null, 2));
