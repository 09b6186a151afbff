// What is asked for, what is shown, what was found, and the one thing under way.

import { work } from './words.js';

/** @typedef {import('../pkg/decoy.js').Family} Family */
/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').Prediction} Prediction */
/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../pkg/decoy.js').AttackReport} AttackReport */
/** @typedef {import('../pkg/decoy.js').AttackResult} AttackResult */
/** @typedef {import('../pkg/decoy.js').DeviceReport} DeviceReport */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('./pictures.js').Subject} Subject */

/** @typedef {{ family: Family, model: ModelEntry, subject: Subject | null, crop: Crop | null }} Wish where there is no crop, the centre */
/** @typedef {{ family: Family, model: ModelEntry, subject: Subject, crop: Crop | null, picture: Picture, predictions: Prediction[] }} Shown the picture as the network sees it, and what it sees in it */
/** @typedef {{ of: Shown, options: AttackOptions, device: DeviceReport, outcome: AttackResult, stopped?: Stopped, check?: Check }} Result */
/** @typedef {{ step: number, steps: number }} Stopped where a person has ended the search */
/** @typedef {{ seen: Prediction } | { failed: string }} Check what the network sees on the CPU in what a GPU has found */
/** @typedef {{ options: AttackOptions, sigma: number, report: AttackReport }} Trial an attack on the shown picture */
/** @typedef {{ of: Shown, picture: Picture, norm: import('../pkg/decoy.js').Norm, size: number }} Best a misread picture that a search has found on its way */

/** @typedef {Job['kind'] | 'settings' | 'device'} Action what begins a job, or changes the attack or the device */

/** What a person may do while a job runs; while none does, everything. @type {Record<Job['kind'], Action[]>} */
const MEANWHILE = {
  look: ['look', 'attack', 'settings', 'sweep', 'device'],
  others: ['look', 'attack', 'others'],
  attack: ['look', 'attack'],
  strip: ['look', 'attack', 'strip'],
  sweep: ['sweep'],
  proof: ['look', 'attack', 'proof', 'sweep'],
};

/** What the page works on: one thing at a time, and what comes later ends what came before. */
export class Job extends AbortController {
  /** Whether it has found what is a result already. */
  found = false;
  /** Tells a search that this is enough. */
  enough = new AbortController();

  /** @param {'look' | 'attack' | 'strip' | 'sweep' | 'proof' | 'others'} kind */
  constructor(kind) {
    super();
    this.kind = kind;
    this.began = performance.now();
  }

  /** A person wants no more of it: what is found is the result; where nothing is, or they cannot wait for it, it ends. */
  cancel() {
    if (this.found && !this.enough.signal.aborted) this.enough.abort();
    else this.abort();
  }

  /**
   * Waits for something, but not once the job is over.
   * @template T @param {Promise<T>} promise @returns {Promise<T>}
   */
  wait(promise) {
    return new Promise((resolve, reject) => {
      promise.then(resolve, reject);
      this.signal.addEventListener('abort', () => reject(this.signal.reason), { once: true });
      if (this.signal.aborted) reject(this.signal.reason);
    });
  }
}

export class Page {
  /** It is followed by what is shown, once the network has looked. @type {Wish} */
  wanted;
  /** @type {Shown | null} */
  shown = null;
  /** @type {Best | null} */
  best = null;
  /** @type {Result | null} */
  result = null;
  /** @type {Job | null} */
  job = null;
  /** Said before the verdict. */
  aside = '';
  /** Everything that was tried on the shown picture, in its order: another list where it has changed. @type {Trial[]} */
  trials = [];
  /** The shown picture's own results: by attack, then by σ. @type {Map<string, Map<number, AttackReport>>} */
  #trials = new Map();
  /** Milliseconds that a pass forward took in the last search, by family. @type {Map<string, number>} */
  #pace = new Map();
  #complain;

  /** @param {Wish} wanted @param {() => void} onChange @param {(error: unknown, retry?: () => void) => void} onFailure */
  constructor(wanted, onChange, onFailure) {
    this.wanted = wanted;
    this.changed = onChange;
    this.#complain = onFailure;
  }

  /** Whether a person may do this now. @param {Action} action */
  allows(action) {
    return !this.job || MEANWHILE[this.job.kind].includes(action);
  }

  /** @param {Job['kind']} kind */
  begin(kind) {
    this.job?.abort();
    this.aside = '';
    this.job = new Job(kind);
    return this.job;
  }

  /** What a job does when it fails: nothing, if another has ended it. @param {Job} job @param {unknown} error @param {() => void} [retry] */
  fail(job, error, retry) {
    if (job !== this.job) return;
    if (job.signal.aborted) this.aside = 'Cancelled. ';
    else this.#complain(error, retry);
  }

  /** @param {Job} job */
  end(job) {
    if (job !== this.job) return;
    this.job = null;
    this.changed();
  }

  /** @param {Shown} shown */
  show(shown) {
    if (this.shown?.picture !== shown.picture) {
      this.#trials.clear();
      this.trials = [];
    }
    this.shown = shown;
    this.best = this.result = null;
  }

  /** The shown picture's results with this attack, by σ. @param {AttackOptions} options @returns {Map<number, AttackReport>} */
  tried(options) {
    return this.#trials.get(JSON.stringify(options)) ?? new Map();
  }

  /** How long a pass forward takes with the networks of a family, in milliseconds, once there was a search. @param {Family} family */
  pace({ id }) {
    return this.#pace.get(id);
  }

  /** @param {AttackOptions} options @param {number} sigma @param {AttackReport} report */
  record(options, sigma, report) {
    if (this.shown) this.#pace.set(this.shown.family.id, report.milliseconds / Math.max(work(report.passes), 1));
    // Noted once more after a second look, the same attack has the same norms.
    const others = this.trials.filter((trial) => trial.report.norms !== report.norms);
    this.trials = [...others, { options, sigma, report }];
    const tried = this.tried(options);
    if (report.success) tried.set(sigma, report);
    else tried.delete(sigma);
    this.#trials.set(JSON.stringify(options), tried);
  }
}
