// The wasm module: chosen for the device, fetched once and compiled while it arrives, for all workers that the page starts.

import { get, unreachable, unreadable } from './contents.js';

/** @typedef {import('./bridge.js').DeviceChoice} DeviceChoice */

/**
 * @typedef {object} Choice
 * @property {string} folder where the module is: one for WebGPU, which has one thread, or one that computes on all cores
 * @property {DeviceChoice} device what the module is asked for
 * @property {string} why why it is not the device that was asked for, in a sentence; else empty
 */

const WITH_WEBGPU = 'pkg';
const WITH_THREADS = 'pkg/threads';

/** A browser that has not named a GPU after this time, in milliseconds, has none for us. */
const ADAPTER_TIME_LIMIT = 5000;

/** Whether this site has the module with threads; a quick build has none. */
export const hasThreads = linkTo(WITH_THREADS) !== null;

/** Whether it may be used: browsers let threads share memory only on a page that is isolated from other sites. */
let threads = hasThreads && crossOriginIsolated;

/** The modules that are here or on their way. @type {Map<string, Promise<WebAssembly.Module>>} */
const modules = new Map();
/** @type {AbortController | null} */
let fetching = null;

/** The page's link to a module; the build writes the module's size into it, since a server may send it compressed. @param {string} folder */
function linkTo(folder) {
  return document.querySelector(`link[href$="${folder}/decoy_bg.wasm"][data-bytes]`);
}

/** The module for a device. Where a GPU is asked for, only the browser can say whether there is one. @param {DeviceChoice} device @returns {Promise<Choice>} */
export async function choose(device) {
  if (!threads) return { folder: WITH_WEBGPU, device, why: '' };
  if (device === 'cpu') return { folder: WITH_THREADS, device, why: '' };
  const why = await missing(device);
  return why ? { folder: WITH_THREADS, device: 'cpu', why } : { folder: WITH_WEBGPU, device, why };
}

/** What the browser says of its GPU; null without one. The types here do not include WebGPU. @type {Promise<any> | null} */
let asked = null;

async function adapter() {
  const { gpu } = /** @type {any} */ (navigator);
  const late = new Promise((resolve) => setTimeout(resolve, ADAPTER_TIME_LIMIT));
  return gpu ? Promise.race([gpu.requestAdapter(), late]).catch(() => null) : null;
}

/** Why there is no GPU to compute on, in a sentence; empty where there is one. @param {DeviceChoice} device */
async function missing(device) {
  const gpu = await (asked ??= adapter());
  if (!gpu) return 'This browser offers no GPU through WebGPU here, so the CPU is used; the results are the same.';
  const software = gpu.info?.isFallbackAdapter ?? gpu.isFallbackAdapter;
  if (device === 'webgpu' || !software) return '';
  return 'The only WebGPU here is itself computed by the CPU and slower than it, so the CPU is used.';
}

/** Those of the site's files that belong to the module of a folder. @param {string} folder @param {string[]} files */
export const filesOf = (folder, files) => files.filter((file) => file.startsWith(`${folder}/`) && (folder === WITH_THREADS || !file.startsWith(`${WITH_THREADS}/`)));

/** Gives up the module with threads, if it is the one that could not be started. Returns whether it was. @param {string} folder of the module that could not be started */
export function withoutThreads(folder) {
  if (folder !== WITH_THREADS) return false;
  threads = false;
  return true;
}

/** The compiled module of a folder; after a failure or `abandon` it is fetched again. @param {string} folder */
export function program(folder) {
  let module = modules.get(folder);
  if (!module) {
    fetching = new AbortController();
    module = compile(folder, fetching.signal);
    modules.set(folder, module);
    module.catch(() => modules.delete(folder));
  }
  return module;
}

/** Stops fetching the module, when it is no longer needed. @param {Error} reason */
export const abandon = (reason) => fetching?.abort(reason);

/** Bytes of the module received, and in all. */
export const arrival = { received: 0, bytes: 0 };

let onArrival = () => {};

/** Sets the function that is called whenever more bytes have arrived. @param {() => void} listener */
export const watch = (listener) => (onArrival = listener);

/** The same response; its bytes are counted while they arrive. @param {Response} response */
function counted({ body, headers }) {
  const count = new TransformStream({
    /** @param {Uint8Array<ArrayBuffer>} bytes @param {TransformStreamDefaultController} next */
    transform(bytes, next) {
      next.enqueue(bytes);
      arrival.received += bytes.length;
      onArrival();
    },
  });
  return new Response(body?.pipeThrough(count), { headers });
}

/** Compiles the module; while it arrives only if the server sends it as `application/wasm`. @param {string} folder @param {AbortSignal} signal */
async function compile(folder, signal) {
  const path = `${folder}/decoy_bg.wasm`;
  Object.assign(arrival, { received: 0, bytes: Number(linkTo(folder)?.getAttribute('data-bytes')) });
  const response = counted(await get(path, signal));
  const streams = response.headers.get('Content-Type') === 'application/wasm';
  try {
    return await (streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
  } catch (error) {
    throw signal.aborted ? signal.reason : error instanceof WebAssembly.CompileError ? unreadable(path) : unreachable(path);
  }
}
