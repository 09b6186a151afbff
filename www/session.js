// Starts the worker: at its first use, after a crash, and for another device.

import { Bridge } from './bridge.js';
import { abandon, choose, program, withoutThreads } from './program.js';
import { deviceName } from './words.js';

/** @typedef {import('../pkg/decoy.js').DeviceReport} DeviceReport */
/** @typedef {import('../pkg/decoy.js').AttackInfo} AttackInfo */
/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {import('./bridge.js').DeviceChoice} DeviceChoice */
/** @typedef {{ choice: () => DeviceChoice, choose: (choice: DeviceChoice) => void, report: (words: string) => void }} DeviceField where the device is chosen */

export class Session {
  /** Null until the program has started. @type {DeviceReport | null} */
  device = null;

  /** The folder of the module that was started last. */
  folder = '';

  #catalog;
  #field;
  #onStart;
  #wanted;
  /** @type {{ bridge: Bridge, started: Promise<void> } | null} */
  #current = null;
  /** Why the CPU has taken over from the GPU. */
  #fallbackReason = '';

  /**
   * @param {string} catalog the text of models.json @param {() => ModelEntry | null} wanted the network that will be needed first
   * @param {DeviceField} field @param {(attacks: AttackInfo[]) => void} onStart
   */
  constructor(catalog, wanted, field, onStart) {
    this.#catalog = catalog;
    this.#wanted = wanted;
    this.#field = field;
    this.#onStart = onStart;
  }

  /** Adds the user's own network to the catalogue, and removes the one before. @param {import('../pkg/decoy.js').Family} own */
  adopt(own) {
    const { families } = JSON.parse(this.#catalog);
    this.#catalog = JSON.stringify({ families: [...families.filter((/** @type {import('../pkg/decoy.js').Family} */ { id }) => id !== own.id), own] });
    this.#current?.bridge.close('Another network was chosen.');
  }

  /** Ends the worker, since another device was chosen. */
  leave() {
    this.#current?.bridge.close('Another device was chosen.');
    this.#fallbackReason = '';
  }

  /** @returns {Promise<Bridge>} */
  async worker() {
    if (!this.#current || this.#current.bridge.closed) {
      this.device = null;
      const bridge = new Bridge((report) => this.#show(report));
      const wanted = this.#wanted();
      if (wanted) bridge.expect(wanted);
      this.#current = { bridge, started: this.#start(bridge) };
    }
    const { bridge, started } = this.#current;
    await started;
    return bridge;
  }

  /** @param {Bridge} bridge */
  async #start(bridge) {
    try {
      const { device, attacks } = await this.#run(bridge);
      this.#show(device);
      this.#onStart(attacks);
    } catch (error) {
      bridge.close('The program could not be started.');
      throw error;
    }
  }

  /** Starts the program for the chosen device; with one thread, where it cannot be started with several. @param {Bridge} bridge @returns {Promise<import('./bridge.js').Started>} */
  async #run(bridge) {
    const { folder, device, why } = await choose(this.#field.choice());
    bridge.prepare(folder);
    const module = await program(folder);
    try {
      const started = await bridge.start(module, this.#catalog, device);
      this.folder = folder;
      if (why) this.#fallbackReason = why;
      return started;
    } catch (error) {
      if (bridge.closed || !withoutThreads(folder)) throw error;
      return this.#run(bridge);
    }
  }

  /** @param {DeviceReport} report */
  #show(report) {
    this.device = report;
    this.#field.report(`Running on ${deviceName(report)}. ${report.notice ?? this.#fallbackReason}`);
  }

  /** Cancels the start of the program. */
  abandon() {
    if (this.device) return;
    this.#current?.bridge.close('Cancelled.');
    abandon(new Error('Cancelled.'));
  }

  /** Changes to the CPU if the computation on the GPU has stopped; the GPU is used again only if the user chooses it. Returns whether it did. */
  leaveGpu() {
    if (!this.#current?.bridge.closed || this.device?.kind !== 'webgpu') return false;
    this.#field.choose('cpu');
    this.#fallbackReason = `The computation on the GPU had stopped. ${this.#current.bridge.lost}`;
    this.#field.report(`${this.#fallbackReason} The CPU takes over.`);
    return true;
  }
}
