// The worker, started when it is first needed, after a crash, and for another device.

import { Bridge } from './bridge.js';
import { abandon, program } from './program.js';
import { find } from './view/dom.js';
import { deviceName } from './view/words.js';

/** @typedef {import('../pkg/decoy.js').DeviceReport} DeviceReport */
/** @typedef {import('../pkg/decoy.js').AttackInfo} AttackInfo */
/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */

const select = find('device', HTMLSelectElement);
const line = find('device-report', HTMLElement);

export class Session {
  /** None while the program is on its way. @type {DeviceReport | null} */
  device = null;

  #catalog;
  #onStart;
  #wanted;
  /** @type {{ bridge: Bridge, started: Promise<void> } | null} */
  #current = null;
  /** Why the CPU has taken over from the GPU. */
  #refuge = '';

  /**
   * @param {string} catalog the text of models.json @param {() => ModelEntry | null} wanted the network that is asked for first
   * @param {(attacks: AttackInfo[]) => void} onStart @param {() => void} onChoice another device was chosen
   */
  constructor(catalog, wanted, onStart, onChoice) {
    this.#catalog = catalog;
    this.#wanted = wanted;
    this.#onStart = onStart;
    select.onchange = () => {
      this.#current?.bridge.close('Another device was chosen.');
      this.#refuge = '';
      onChoice();
    };
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
      const choice = /** @type {import('./bridge.js').DeviceChoice} */ (select.value);
      const { device, attacks } = await bridge.start(await program(), this.#catalog, choice);
      this.#show(device);
      this.#onStart(attacks);
    } catch (error) {
      bridge.close('The program could not be started.');
      throw error;
    }
  }

  /** @param {DeviceReport} report */
  #show(report) {
    this.device = report;
    line.textContent = `Running on ${deviceName(report)}. ${report.notice ?? this.#refuge}`;
  }

  /** Ends a start that nobody waits for any more. */
  abandon() {
    if (this.device) return;
    this.#current?.bridge.close('Cancelled.');
    abandon(new Error('Cancelled.'));
  }

  /** A GPU on which the computation has stopped is not tried again, unless somebody chooses it. */
  leaveGpu() {
    if (!this.#current?.bridge.closed || this.device?.kind !== 'webgpu') return false;
    select.value = 'cpu';
    this.#refuge = `The computation on the GPU had stopped. ${this.#current.bridge.lost}`;
    line.textContent = `${this.#refuge} The CPU takes over.`;
    return true;
  }

  /** @param {boolean} allowed */
  choosable(allowed) {
    select.disabled = !allowed;
  }
}
