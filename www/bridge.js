// The page's only connection to the worker: every call returns a promise, may report progress, and can be cancelled.

import { NOT_JAVASCRIPT } from './contents.js';
import { gone } from './renew.js';

/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('../pkg/decoy.js').DeviceReport} DeviceReport */
/** @typedef {Parameters<typeof import('../pkg/decoy.js').Decoy.create>[1]} DeviceChoice */
/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {{ received: number, bytes: number }} Loading bytes of a network's weights received, and in all */
/** @typedef {{ device: DeviceReport, attacks: import('../pkg/decoy.js').AttackInfo[] }} Started */
/** @typedef {{ width: number, height: number, preview: Picture }} Opened an upright picture: its size, and a small copy of the whole */

/**
 * @template Progress
 * @typedef {{ signal?: AbortSignal, enough?: AbortSignal, progress?: (progress: Progress) => void, loading?: (loading: Loading) => void }} Watch
 */

/**
 * @typedef {{ id: number, result?: any, error?: { name: string, message: string }, progress?: any, loading?: Loading }} Answer
 */

/** A worker that runs the wasm module. After a crash or `close`, every call is rejected. */
export class Bridge {
  /** Why the GPU cannot be used any more, in a sentence; empty while it can. */
  lost = '';
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void, watch: Watch<any> }>} */
  #calls = new Map();
  #last = 0;
  /** Why it is closed. @type {Error | null} */
  #closed = null;

  /** @param {(device: DeviceReport) => void} onDevice called whenever the device's report may have changed */
  constructor(onDevice) {
    this.#worker.onmessage = ({ data }) => {
      if (data.device) onDevice(data.device);
      else if (data.lost) this.#lose(`${data.lost}.`);
      else this.#receive(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      // An error without a message means that the script could not be loaded.
      if (!event.message) this.close(gone(`The file worker.js could not be fetched, or ${NOT_JAVASCRIPT}`));
      else this.close(`The computation stopped unexpectedly (${event.message}). Try again: it starts afresh.`);
    };
  }

  get closed() {
    return this.#closed !== null;
  }

  /** Ends the worker; all pending calls are rejected with this reason. @param {string | Error} reason */
  close(reason) {
    if (this.closed) return;
    const error = reason instanceof Error ? reason : new Error(reason);
    this.#closed = error;
    this.#worker.terminate();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  /** @param {string} reason */
  #lose(reason) {
    this.lost = reason;
    this.close(`${reason} Try again: the CPU takes over.`);
  }

  /** Starts fetching the weights of a network before they are needed. @param {import('../pkg/decoy.js').ModelEntry} model */
  expect(model) {
    this.#worker.postMessage({ expected: model });
  }

  /** Starts fetching the JavaScript around the module of this folder. @param {string} folder */
  prepare(folder) {
    this.#worker.postMessage({ folder });
  }

  /**
   * Gives the module to the worker and sets up the device. Must be called before all other calls, after `prepare`.
   * @param {WebAssembly.Module} program
   * @param {string} catalog the text of models.json
   * @param {DeviceChoice} device
   * @returns {Promise<Started>}
   */
  start(program, catalog, device) {
    return this.#call('start', [program, catalog, device]);
  }

  /**
   * Opens a picture file for `crop`; if it cannot be opened, the picture before stays open. The bytes are transferred.
   * @param {number} key @param {Uint8Array} bytes
   * @returns {Promise<Opened>}
   */
  open(key, bytes) {
    return this.#call('open', [key, bytes], {}, [bytes.buffer]);
  }

  /**
   * A square of a picture at the input size of a family; null, if `key` is not the picture opened last.
   * @param {number} key @param {string} family @param {Crop} crop
   * @returns {Promise<Picture | null>}
   */
  crop(key, family, crop) {
    return this.#call('crop', [key, family, crop]);
  }

  /**
   * An ONNX file and the files that hold its weights, as one file. The bytes are transferred.
   * @param {Uint8Array} bytes @param {{ name: string, bytes: Uint8Array }[]} files
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  join(bytes, files) {
    return this.#call('join', [bytes, files], {}, [bytes.buffer, ...files.map(({ bytes }) => bytes.buffer)]);
  }

  /**
   * Describes the network of an ONNX file as a family of its own. The bytes are transferred.
   * @param {string} name @param {Uint8Array} bytes @param {import('../pkg/decoy.js').OwnOptions} options
   * @returns {Promise<import('../pkg/decoy.js').Own>}
   */
  network(name, bytes, options) {
    return this.#call('network', [name, bytes, options], {}, [bytes.buffer]);
  }

  /**
   * @param {string} model @param {Picture} picture @param {Watch<unknown>} [watch]
   * @returns {Promise<import('../pkg/decoy.js').Prediction[]>}
   */
  predict(model, picture, watch) {
    return this.#call('predict', [model, picture], watch);
  }

  /**
   * Aborting `enough` ends the search early, once it has found something; it then returns the best result.
   * @param {string} model @param {Picture} picture @param {AttackOptions} options
   * @param {Watch<import('../pkg/decoy.js').LiveProgress>} [watch]
   * @param {import('../pkg/decoy.js').Smoothing} [smoothing] for the network that votes under this noise
   * @returns {Promise<import('../pkg/decoy.js').AttackResult>}
   */
  attack(model, picture, options, watch, smoothing) {
    return this.#call('attack', [model, picture, options, smoothing], watch);
  }

  /**
   * The prediction for a picture on the CPU, on whatever device the other calls run.
   * @param {string} model @param {Picture} picture
   * @returns {Promise<import('../pkg/decoy.js').Prediction>}
   */
  check(model, picture) {
    return this.#call('check', [model, picture]);
  }

  /**
   * The prediction for a picture saved as JPEG; null, where the browser does not return exact pixels.
   * @param {string} model @param {Picture} picture @param {number} quality from 0 to 1
   * @returns {Promise<import('../pkg/decoy.js').Prediction | null>}
   */
  jpeg(model, picture, quality) {
    return this.#call('jpeg', [model, picture, quality]);
  }

  /**
   * A certificate for a picture, by votes under noise.
   * @param {string} model @param {Picture} picture @param {import('../pkg/decoy.js').CertifyOptions} options
   * @param {Watch<import('../pkg/decoy.js').VotingProgress>} [watch]
   * @returns {Promise<import('../pkg/decoy.js').Certificate>}
   */
  certify(model, picture, options, watch) {
    return this.#call('certify', [model, picture, options], watch);
  }

  /**
   * A sweep that is cancelled after it has begun to measure returns the results so far.
   * @param {string[]} models @param {Picture[]} pictures @param {Uint32Array} classes @param {AttackOptions} options
   * @param {Watch<import('../pkg/decoy.js').SweepProgress>} [watch]
   * @returns {Promise<import('../pkg/decoy.js').SweepReport>}
   */
  sweep(models, pictures, classes, options, watch) {
    return this.#call('sweep', [models, pictures, classes, options], watch);
  }

  /**
   * @param {string} method @param {unknown[]} args @param {Watch<any>} [watch] @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  #call(method, args, watch = {}, transfer = []) {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (watch.signal?.aborted) return Promise.reject(watch.signal.reason);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, watch });
      watch.signal?.addEventListener('abort', () => this.#worker.postMessage({ cancel: id }), { once: true });
      watch.enough?.addEventListener('abort', () => this.#worker.postMessage({ enough: id }), { once: true });
      this.#worker.postMessage({ id, method, args }, transfer);
    });
  }

  /** @param {Answer} answer */
  #receive(answer) {
    const call = this.#calls.get(answer.id);
    if (!call) return;
    if (answer.progress) return call.watch.progress?.(answer.progress);
    if (answer.loading) return call.watch.loading?.(answer.loading);
    this.#calls.delete(answer.id);
    if (answer.error) call.reject(Object.assign(new Error(answer.error.message), { name: answer.error.name }));
    else call.resolve(answer.result);
  }
}
