// The page is put on the site anew while a browser still keeps files of the one before: some are then of the one, some of the other.

/** What the worker fetches, which the page does not see. */
const WORKERS = ['weights.js', 'pkg/decoy.js'];

/** The name of the error that says so. */
const RENEWED = 'RenewedError';

/** Two files of this page do not fit together. */
export const renewed = () => Object.assign(new Error('This page has been renewed since your browser fetched parts of it. Reload it.'), { name: RENEWED });

/** @param {unknown} error */
export const isRenewed = (error) => error instanceof Error && error.name === RENEWED;

/** Whether an error is one of files that do not fit together: what one asks for, the other does not have. @param {unknown} error */
export function isMismatch(error) {
  return error instanceof WebAssembly.LinkError || error instanceof SyntaxError || (error instanceof TypeError && /is not a function/.test(error.message));
}

/** Fetches the page's parts past the browser's cache, and opens it again. */
export async function renew() {
  const site = new URL('./', import.meta.url).href;
  const seen = performance.getEntriesByType('resource').map(({ name }) => name);
  const parts = seen.filter((name) => name.startsWith(site) && !new URL(name).search);
  const worker = WORKERS.map((path) => new URL(path, site).href);
  await Promise.allSettled([location.href, ...parts, ...worker].map(async (part) => (await fetch(part, { cache: 'reload' })).arrayBuffer()));
  location.reload();
}
