// The wasm module: fetched once and compiled while it arrives, for all workers that the page starts.

import { get, unreachable, unreadable } from './contents.js';

/** @type {Promise<WebAssembly.Module> | null} */
let module = null;
/** @type {AbortController | null} */
let fetching = null;

/** The compiled module; after a failure or `abandon` it is fetched again. */
export function program() {
  if (!module) {
    fetching = new AbortController();
    module = compile(fetching.signal);
    module.catch(() => (module = null));
  }
  return module;
}

/** Stops fetching the module, when it is no longer needed. @param {Error} reason */
export const abandon = (reason) => fetching?.abort(reason);

/** Bytes of the module received, and in all. The build writes the size into the page, since a server may send it compressed. */
export const arrival = { received: 0, bytes: Number(document.querySelector('link[data-bytes]')?.getAttribute('data-bytes')) };

let tell = () => {};

/** Sets the function that is called whenever more bytes have arrived. @param {() => void} listener */
export const watch = (listener) => (tell = listener);

/** The same response; its bytes are counted while they arrive. @param {Response} response */
function counted({ body, headers }) {
  arrival.received = 0;
  const count = new TransformStream({
    /** @param {Uint8Array<ArrayBuffer>} bytes @param {TransformStreamDefaultController} next */
    transform(bytes, next) {
      next.enqueue(bytes);
      arrival.received += bytes.length;
      tell();
    },
  });
  return new Response(body?.pipeThrough(count), { headers });
}

/** Compiles the module; while it arrives only if the server sends it as `application/wasm`. @param {AbortSignal} signal */
async function compile(signal) {
  const path = 'pkg/decoy_bg.wasm';
  const response = counted(await get(path, signal));
  const streams = response.headers.get('Content-Type') === 'application/wasm';
  try {
    return await (streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
  } catch (error) {
    throw signal.aborted ? signal.reason : error instanceof WebAssembly.CompileError ? unreadable(path) : unreachable(path);
  }
}
