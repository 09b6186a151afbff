// Runs the wasm module outside of the page's thread. Calls are answered one at a time, in order;
// only opening and cropping pictures, which uses no network, does not wait for its turn.

import { NOT_JAVASCRIPT, address } from './contents.js';
import { decode } from './decode.js';
import { asJpeg } from './jpeg.js';
import { gone } from './renew.js';
import { Download, cacheWeights, damaged, forget, kept } from './weights.js';

/** @typedef {import('../pkg/decoy.js').Decoy} Decoy */
/** @typedef {import('../pkg/decoy.js').Source} Source */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {{ signal: AbortSignal, progress: (progress: unknown) => boolean, loading: (loading: import('./bridge.js').Loading) => void }} Call */

/** The start of the module's errors that mean that the GPU cannot be used any more. */
const LOST = 'the device failed: ';

/** More threads than this are not worth their memory. */
const MOST_THREADS = 16;

/** The longer side of the picture under the crop frame, in pixels. */
const PREVIEW = 640;

/** The module with threads has one function more. @typedef {typeof import('../pkg/decoy.js') & { startThreads?: (count: number) => Promise<void> }} Glue */
/** The JavaScript around the module, fetched at the same time as the module. @type {Promise<Glue>} */
let glue;
/** @type {Decoy} */
let decoy;
/** The last network used on the CPU to check the results of a GPU. @type {{ model: string, decoy: Decoy } | null} */
let reference = null;
/** Makes a Decoy on the CPU. @type {() => Promise<Decoy>} */
let onCpu;
/** The picture file opened last, and its key. @type {{ key: number, source: Source } | null} */
let openPicture = null;
/** The network that will be needed first, fetched at the same time as the program. @type {{ id: string, download: Promise<Download | null> } | null} */
let expected = null;
/** The running calls, and whether each shall end with its best result. @type {Map<number, { abort: AbortController, enough: boolean }>} */
const calls = new Map();
/** @type {Promise<unknown>} */
let queue = Promise.resolve();

const pictures = {
  /** Opens a picture; if that fails, the one before stays open. @param {number} key @param {Uint8Array<ArrayBuffer>} bytes */
  async open(key, bytes) {
    const source = await opened(bytes);
    openPicture?.source.free();
    openPicture = { key, source };
    return { width: source.width, height: source.height, preview: source.preview(PREVIEW) };
  },

  /** @param {number} key @param {string} family @param {Crop} crop */
  crop: (key, family, crop) => (openPicture?.key === key ? decoy.crop(family, openPicture.source, crop) : null),
};

/** Decodes a picture. The browser supports more formats; the module decodes files that the browser refuses or shows wrongly. @param {Uint8Array<ArrayBuffer>} bytes */
async function opened(bytes) {
  const picture = decoy.isForBrowser(bytes) ? await decode(bytes) : null;
  if (!picture) return decoy.open(bytes);
  const { pixels, width, height, whole } = picture;
  return decoy.openPixels(pixels, width, height, whole.width, whole.height);
}

const methods = {
  /** @param {Call} _ @param {WebAssembly.Module} program @param {string} catalog @param {import('./bridge.js').DeviceChoice} device */
  async start(_, program, catalog, device) {
    const { default: init, Decoy, startThreads } = await glue;
    await init({ module_or_path: program });
    await startThreads?.(Math.min(navigator.hardwareConcurrency, MOST_THREADS));
    decoy = await Decoy.create(catalog, device);
    onCpu = () => Decoy.create(catalog, 'cpu');
    return { device: decoy.device(), attacks: decoy.attacks() };
  },

  /** @param {Call} _ @param {Uint8Array} bytes @param {{ name: string, bytes: Uint8Array }[]} files */
  join: (_, bytes, files) => decoy.joinNetwork(bytes, files.map(({ name }) => name), files.map(({ bytes }) => bytes)),

  /** @param {Call} _ @param {string} name @param {Uint8Array} bytes @param {import('../pkg/decoy.js').OwnOptions} options */
  network: (_, name, bytes, options) => decoy.readNetwork(name, bytes, options),

  /** @param {Call} call @param {string} model @param {Picture} picture */
  async predict(call, model, picture) {
    await load([model], call);
    return decoy.predict(model, picture);
  },

  /** @param {Call} call @param {string} model @param {Picture} picture @param {AttackOptions} options @param {import('../pkg/decoy.js').Smoothing} [smoothing] */
  async attack(call, model, picture, options, smoothing) {
    await load([model], call);
    return decoy.attack(model, picture, options, call.progress, call.signal, smoothing);
  },

  /** The prediction of the same network on the CPU. @param {Call} _ @param {string} model @param {Picture} picture */
  async check(_, model, picture) {
    if (reference?.model !== model) {
      reference?.decoy.free();
      reference = null;
      const [entry] = entries([model]);
      const weights = (await kept(entry)) ?? (await new Download(entry).weights);
      const decoy = await onCpu();
      await decoy.loadModel(model, weights);
      reference = { model, decoy };
    }
    return (await reference.decoy.predict(model, picture))[0];
  },

  /** The prediction for a picture saved as JPEG; null where the browser does not return exact pixels. @param {Call} call @param {string} model @param {Picture} picture @param {number} quality */
  async jpeg(call, model, picture, quality) {
    await load([model], call);
    const read = await asJpeg(picture, quality);
    return read && (await decoy.predict(model, read))[0];
  },

  /** @param {Call} call @param {string} model @param {Picture} picture @param {import('../pkg/decoy.js').CertifyOptions} options */
  async certify(call, model, picture, options) {
    await load([model], call);
    return decoy.certify(model, picture, options, call.progress, call.signal);
  },

  /** @param {Call} call @param {string[]} models @param {Picture[]} pictures @param {Uint32Array} classes @param {AttackOptions} options */
  async sweep(call, models, pictures, classes, options) {
    await load(models, call);
    return decoy.sweep(models, pictures, classes, options, call.progress, call.signal);
  },
};

/** @param {string[]} models */
const entries = (models) => decoy.catalog().families.flatMap((family) => family.models).filter(({ id }) => models.includes(id));

/**
 * Loads the networks that are not loaded yet.
 * @param {string[]} models @param {Call} call
 */
async function load(models, { signal, loading }) {
  const missing = entries(models).filter((entry) => !decoy.hasModel(entry.id));
  const bytes = missing.reduce((sum, entry) => sum + entry.bytes, 0);
  let received = 0;
  for (const entry of missing) {
    signal.throwIfAborted();
    if (!(await loadKept(entry))) {
      const download = (await fetchedAhead(entry)) ?? new Download(entry);
      const before = received;
      const report = () => loading({ received: (received = before + download.received), bytes });
      download.onArrival = report;
      report();
      signal.addEventListener('abort', () => download.stop(signal.reason));
      const weights = await download.weights;
      await decoy.loadModel(entry.id, weights).catch((error) => {
        // The module's message, with lengths and checksums, is too technical for users.
        throw isDamage(error) ? damaged() : error;
      });
      await cacheWeights(entry, weights);
    }
    // Loading the first network runs the self-check, which may change the device.
    self.postMessage({ device: decoy.device() });
  }
}

/** Whether weights are not those that the catalogue describes. @param {unknown} error */
const isDamage = (error) => error instanceof Error && error.message.startsWith('the weights of');

/** @param {string} folder of the module */
function prepare(folder) {
  const path = `${folder}/decoy.js`;
  glue = import(address(path)).catch((error) => {
    throw error instanceof SyntaxError ? error : gone(`The file ${path} could not be fetched, or ${NOT_JAVASCRIPT}`);
  });
  glue.catch(() => {}); // reported where it is awaited
}

/** @param {ModelEntry} entry */
function expect(entry) {
  expected = { id: entry.id, download: kept(entry).then((weights) => (weights ? null : new Download(entry))) };
}

/** The download that was started early, if it is for this network; returned only once. @param {ModelEntry} entry */
function fetchedAhead(entry) {
  if (expected?.id !== entry.id) return null;
  const { download } = expected;
  expected = null;
  return download;
}

/** Loads a network from the browser's cache; damaged weights are removed from it. @param {ModelEntry} entry */
async function loadKept(entry) {
  const weights = await kept(entry);
  if (!weights) return false;
  try {
    await decoy.loadModel(entry.id, weights);
    return true;
  } catch (error) {
    if (!isDamage(error)) throw error;
    await forget(entry);
    return false;
  }
}

/** The buffers inside a result, so that they are transferred and not copied. @param {unknown} value @returns {ArrayBuffer[]} */
function buffers(value) {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  return value && typeof value === 'object' ? Object.values(value).flatMap(buffers) : [];
}

/** @param {{ id: number, method: keyof typeof methods | keyof typeof pictures, args: any[] }} message */
async function answer({ id, method, args }) {
  const state = { abort: new AbortController(), enough: false };
  calls.set(id, state);
  const call = {
    signal: state.abort.signal,
    progress: (/** @type {unknown} */ progress) => {
      self.postMessage({ id, progress });
      return !state.enough;
    },
    loading: (/** @type {unknown} */ loading) => self.postMessage({ id, loading }),
  };
  try {
    const result = await run(method, args, call);
    self.postMessage({ id, result }, { transfer: buffers(result) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
    // After a trap the memory of the module is in an unknown state, and a lost GPU does not return to the same module:
    // so the whole worker is ended.
    if (error instanceof WebAssembly.RuntimeError) self.reportError(error);
    else if (message.startsWith(LOST)) self.postMessage({ lost: message.slice(LOST.length) });
    else self.postMessage({ id, error: { name, message } });
  } finally {
    calls.delete(id);
  }
}

/** @param {keyof typeof methods | keyof typeof pictures} method @param {any[]} args those of the method: the bridge is the only caller @param {Call} call */
function run(method, args, call) {
  // @ts-expect-error Checked by the bridge.
  if (method in pictures) return pictures[method](...args);
  const outcome = queue.then(() => {
    call.signal.throwIfAborted();
    // @ts-expect-error Checked by the bridge.
    return methods[method](call, ...args);
  });
  queue = outcome.catch(() => {});
  return outcome;
}

self.onmessage = ({ data }) => {
  if (data.expected) expect(data.expected);
  else if (data.folder) prepare(data.folder);
  else if (data.cancel) calls.get(data.cancel)?.abort.abort();
  else if (data.enough) Object.assign(calls.get(data.enough) ?? {}, { enough: true });
  else answer(data);
};
self.onunhandledrejection = ({ reason }) => self.reportError(reason);
