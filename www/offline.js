// Makes the browser cache the page's files, so that from the second visit on it opens without a connection.

import { address } from './contents.js';

/**
 * Some browsers cannot cache, as on insecure connections and in private windows: there every visit needs a connection.
 * @param {() => boolean} wantsThreads whether the page would be faster if it were isolated, which the service worker does for the next load
 */
export async function offline(wantsThreads) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  try {
    const [folder] = address('').split('/').slice(-2);
    await serviceWorker.register(address(`../sw.js?${folder}`));
    if (!serviceWorker.controller) await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
    if (wantsThreads() && !crossOriginIsolated && untouched()) return location.reload();
    // Pictures shown before the service worker ran are fetched again, through it, from the browser's own cache.
    const shown = performance.getEntriesByType('resource').map(({ name }) => name);
    await Promise.all(shown.filter((name) => name.startsWith(address('gallery/'))).map((name) => fetch(name)));
  } catch {
    // The page works without it.
  }
}

/** Whether a reload loses nothing: nobody has used the page yet. It is not repeated. */
function untouched() {
  const [{ type }] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
  return type !== 'reload' && !navigator.userActivation?.hasBeenActive;
}
