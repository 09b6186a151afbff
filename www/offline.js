// Has the browser keep the page's files, so that it opens without a connection from the second visit on.

import { address } from './contents.js';

/** Where the browser keeps nothing, as on insecure connections and in private windows, every visit needs a connection. */
export async function offline() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  try {
    const [folder] = address('').split('/').slice(-2);
    await serviceWorker.register(address(`../sw.js?${folder}`));
    if (!serviceWorker.controller) await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
    // Pictures that were shown before it was there pass it now; they come from what the browser has just fetched.
    const shown = performance.getEntriesByType('resource').map(({ name }) => name);
    await Promise.all(shown.filter((name) => name.startsWith(address('gallery/'))).map((name) => fetch(name)));
  } catch {
    // As if there were no such store.
  }
}
