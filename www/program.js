// The wasm module: fetched and compiled once, while it arrives, for every worker that the page starts.

import { get, unreachable, unreadable } from './contents.js';

/** @type {Promise<WebAssembly.Module> | null} */
let module = null;
/** @type {AbortController | null} */
let fetching = null;

/** The compiled module; one that failed or was abandoned is fetched anew. */
export function program() {
  if (!module) {
    fetching = new AbortController();
    module = compile(fetching.signal);
    module.catch(() => (module = null));
  }
  return module;
}

/** Ends the fetching of a module that nobody waits for any more. @param {Error} reason */
export const abandon = (reason) => fetching?.abort(reason);

/** How much of the module is here. The build has written its size into the page, since a server may send it compressed. */
export const arrival = { received: 0, bytes: Number(document.querySelector('link[data-bytes]')?.getAttribute('data-bytes')) };

let tell = () => {};

/** Calls this whenever there is more of it. @param {() => void} listener */
export const watch = (listener) => (tell = listener);

/** The same answer, its bytes counted while they pass. @param {Response} response */
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

/** Only what is called `application/wasm` is compiled while it arrives. @param {AbortSignal} signal */
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
