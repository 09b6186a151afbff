// Makes the browser cache the page's files, so that from the second visit on it opens without a connection.

import { address, json } from './contents.js';
import { filesOf, hasThreads } from './program.js';

/** Whether somebody has used the page. */
let touched = false;
for (const event of ['pointerdown', 'keydown', 'drop']) addEventListener(event, () => (touched = true), { capture: true, once: true });

/**
 * Some browsers cannot cache, as on insecure connections and in private windows: there every visit needs a connection.
 * @param {import('./session.js').Session} session @param {() => boolean} idle whether the page holds nothing that a reload would lose
 */
export async function offline(session, idle) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  try {
    const [folder] = address('').split('/').slice(-2);
    await serviceWorker.register(address(`../sw.js?${folder}`));
    if (!serviceWorker.controller) await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
    // The service worker isolates what it serves, so that threads may compute.
    if (hasThreads && session.device?.kind === 'cpu' && !crossOriginIsolated && untouched() && idle()) return location.reload();
    // What was fetched before the service worker ran is fetched again, through it, from the browser's own cache.
    await Promise.all(filesOf(session.folder, await json('files.json')).map((file) => fetch(address(file))));
    const shown = performance.getEntriesByType('resource').map(({ name }) => name);
    await Promise.all(shown.filter((name) => name.startsWith(address('gallery/'))).map((name) => fetch(name)));
  } catch {
    // The page works without it.
  }
}

/** Whether a reload loses nothing: nobody has used the page yet. It is not repeated. */
function untouched() {
  const [{ type }] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
  return type !== 'reload' && !touched;
}
