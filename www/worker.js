// Runs the wasm module away from the page. Calls are answered one at a time, in order;
// only decoding, which touches no network, does not wait for its turn.

/** @typedef {import('../pkg/decoy.js').Decoy} Decoy */
/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {{ signal: AbortSignal, progress: (progress: unknown) => void, loading: (loading: import('./bridge.js').Loading) => void }} Call */

const site = new URL('./', import.meta.url);

/** @type {Decoy} */
let decoy;
/** @type {Map<number, AbortController>} */
const calls = new Map();
/** @type {Promise<unknown>} */
let turn = Promise.resolve();

const methods = {
  /** @param {Call} _ @param {string} catalog @param {import('./bridge.js').DeviceChoice} device */
  async start(_, catalog, device) {
    /** @type {typeof import('../pkg/decoy.js')} */
    const { default: init, Decoy } = await import(new URL('pkg/decoy.js', site).href);
    await init({ module_or_path: new URL('pkg/decoy_bg.wasm', site) });
    decoy = await Decoy.create(catalog, device);
    return { device: decoy.device(), attacks: decoy.attacks() };
  },

  /** @param {Call} _ @param {string} family @param {Uint8Array} bytes */
  decode: (_, family, bytes) => decoy.decode(family, bytes),

  /** @param {Call} call @param {string} model @param {Picture} picture */
  async predict(call, model, picture) {
    await load([model], call);
    return decoy.predict(model, picture);
  },

  /** @param {Call} call @param {string} model @param {Picture} picture @param {AttackOptions} options */
  async attack(call, model, picture, options) {
    await load([model], call);
    return decoy.attack(model, picture, options, call.progress, call.signal);
  },

  /** @param {Call} call @param {string[]} models @param {Picture[]} pictures @param {Uint32Array} classes @param {AttackOptions} options */
  async sweep(call, models, pictures, classes, options) {
    await load(models, call);
    return decoy.sweep(models, pictures, classes, options, call.progress, call.signal);
  },
};

/**
 * Fetches the weights that are not there yet.
 * @param {string[]} models @param {Call} call
 */
async function load(models, { signal, loading }) {
  const entries = decoy.catalog().families.flatMap((family) => family.models);
  const missing = entries.filter((entry) => models.includes(entry.id) && !decoy.hasModel(entry.id));
  const bytes = missing.reduce((sum, entry) => sum + entry.bytes, 0);
  let received = 0;
  for (const entry of missing) {
    const weights = await download(new URL(`models/${entry.file}`, site), signal, (length) => {
      loading({ received: (received += length), bytes });
    });
    await decoy.loadModel(entry.id, weights);
    // The first network makes the self-check, which may change the device.
    self.postMessage({ device: decoy.device() });
  }
}

/**
 * @param {URL} url @param {AbortSignal} signal @param {(length: number) => void} arrived
 * @returns {Promise<Uint8Array>}
 */
async function download(url, signal, arrived) {
  const unavailable = (/** @type {unknown} */ cause) => {
    return signal.aborted ? signal.reason : new Error(`The network’s weights could not be fetched (${cause}). Are you offline?`);
  };
  const response = await fetch(url, { signal }).catch((error) => Promise.reject(unavailable(error.message)));
  if (!response.ok || !response.body) throw unavailable(`status ${response.status}`);
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error) => Promise.reject(unavailable(error.message)));
    if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
    chunks.push(value);
    arrived(value.length);
  }
}

/** The buffers inside a result, so that they are handed over and not copied. @param {unknown} value @returns {ArrayBuffer[]} */
function buffers(value) {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  return value && typeof value === 'object' ? Object.values(value).flatMap(buffers) : [];
}

/** @param {{ id: number, method: keyof typeof methods, args: any[] }} message */
async function answer({ id, method, args }) {
  const abort = new AbortController();
  calls.set(id, abort);
  const call = {
    signal: abort.signal,
    progress: (/** @type {unknown} */ progress) => self.postMessage({ id, progress }),
    loading: (/** @type {unknown} */ loading) => self.postMessage({ id, loading }),
  };
  const run = async () => {
    abort.signal.throwIfAborted();
    // @ts-expect-error The arguments are those of the method: the bridge is the only caller.
    return methods[method](call, ...args);
  };
  try {
    const outcome = method === 'decode' ? run() : turn.then(run);
    if (method !== 'decode') turn = outcome.catch(() => {});
    const result = await outcome;
    self.postMessage({ id, result }, { transfer: buffers(result) });
  } catch (error) {
    // A trap leaves the module's memory in an unknown state: the whole worker goes.
    if (error instanceof WebAssembly.RuntimeError) self.reportError(error);
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
    self.postMessage({ id, error: { name, message } });
  } finally {
    calls.delete(id);
  }
}

self.onmessage = ({ data }) => (data.cancel ? calls.get(data.cancel)?.abort() : answer(data));
self.onunhandledrejection = ({ reason }) => self.reportError(reason);
