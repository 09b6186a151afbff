// Work in the browser, in a worker of its own.

/**
 * What a script of this folder, which runs as a worker of `page`, answers to `task`.
 * @param {import('playwright-core').Page} page @param {string} script @param {unknown} task @returns {Promise<any>}
 */
export const work = (page, script, task) => page.evaluate(([script, task]) => new Promise((resolve, reject) => {
  const worker = new Worker(`/benches/browser/${script}`, { type: 'module' });
  worker.onmessage = ({ data: { result, error } }) => (error ? reject(new Error(error)) : resolve(result));
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(task);
}), /** @type {const} */ ([script, task]));
