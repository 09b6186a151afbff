// The workers that become threads of the module: this script starts them, and is what they run.

/**
 * Starts workers with the same module and memory; resolves when all of them are ready to become threads.
 * @param {string} script the address of the JavaScript around the module @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory @param {number} count
 */
export const startWorkers = (script, module, memory, count) => Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
  const worker = new Worker(new URL('./threads.js', import.meta.url), { type: 'module', name: 'decoy-thread' });
  worker.onmessage = resolve;
  worker.onerror = ({ message }) => reject(new Error(`a thread could not be started: ${message}`));
  worker.postMessage({ script, module, memory });
})));

if (self.name === 'decoy-thread') {
  self.onmessage = async ({ data: { script, module, memory } }) => {
    const { default: init, runThread } = await import(script);
    await init({ module_or_path: module, memory });
    self.postMessage('ready');
    runThread();
  };
}
