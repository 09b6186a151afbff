// The page's state: the wanted settings, the shown picture, the result, and the one job that runs.

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

/** @typedef {{ family: Family, model: ModelEntry, subject: Subject | null, crop: Crop | null }} Wish without a crop, the centre of the picture */
/** @typedef {{ family: Family, model: ModelEntry, subject: Subject, crop: Crop | null, picture: Picture, predictions: Prediction[] }} Shown the picture at the network's input size, and the predictions for it */
/** @typedef {{ of: Shown, options: AttackOptions, device: DeviceReport, outcome: AttackResult, stopped?: Stopped, check?: Check }} Result */
/** @typedef {{ step: number, steps: number }} Stopped the step at which the user ended the search */
/** @typedef {{ seen: Prediction } | { failed: string }} Check the prediction on the CPU for the result of a GPU */
/** @typedef {{ options: AttackOptions, model: ModelEntry, report: AttackReport }} Trial an attack on the shown picture */
/** @typedef {{ family: Family, options: AttackOptions, images: number, points: import('../pkg/decoy.js').SweepPoint[] }} MeasuredHere results of “Measure here” */
/** @typedef {{ of: Shown, picture: Picture, norm: import('../pkg/decoy.js').Norm, size: number }} Best the best adversarial picture so far of a running search */

/** @typedef {'classify' | 'attack' | 'strip' | 'sweep' | 'proof' | 'others'} Kind of a job */
/** @typedef {Kind | 'longer' | 'settings' | 'device'} Action starting a job, or changing the attack or the device */

/** What each action needs, and the jobs during which it is allowed; without a job it needs no more. @type {Record<Action, { needs: (page: Page) => boolean, during: Kind[] }>} */
const ACTIONS = {
  classify: { needs: () => true, during: ['classify', 'attack', 'strip', 'proof', 'others'] },
  attack: { needs: ({ wanted }) => wanted.subject !== null, during: ['classify', 'attack', 'strip', 'proof', 'others'] },
  longer: { needs: ({ result }) => result !== null && !result.stopped, during: [] },
  settings: { needs: ({ ready }) => ready, during: ['classify'] },
  device: { needs: () => true, during: ['classify'] },
  strip: { needs: ({ ready, shown, wanted: { family } }) => ready && shown?.family === family && family.models.length > 1, during: ['strip'] },
  sweep: { needs: ({ ready, gallery }) => ready && gallery !== undefined, during: ['sweep', 'proof'] },
  proof: { needs: ({ shown }) => shown !== null, during: ['proof'] },
  others: { needs: ({ misread }) => misread !== null && misread.of.family.models.length > 1, during: ['others'] },
};

/** A running job of the page. There is only one: a new job ends the one before. */
export class Job extends AbortController {
  /** Whether it already has something that counts as a result. */
  hasResult = false;
  /** Aborted to end the search with its best result. */
  enough = new AbortController();

  /** @param {Kind} kind */
  constructor(kind) {
    super();
    this.kind = kind;
    this.began = performance.now();
  }

  /** The user cancels: the best result so far is kept. Without a result, or at a second cancel, the job is aborted. */
  cancel() {
    if (this.hasResult && !this.enough.signal.aborted) this.enough.abort();
    else this.abort();
  }

  /**
   * Waits for a promise; rejects when the job is aborted.
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
  /** The settings asked for; `shown` follows when the picture is classified. @type {Wish} */
  wanted;
  /** @type {Shown | null} */
  shown = null;
  /** @type {Best | null} */
  best = null;
  /** @type {Result | null} */
  result = null;
  /** @type {Job | null} */
  job = null;
  /** Whether the program has started. */
  ready = false;
  /** A remark shown before the verdict. */
  note = '';
  /** All attacks on the shown picture, in order; replaced by a new array at every change. @type {Trial[]} */
  trials = [];
  /** Milliseconds of a forward pass in the last search, by family. @type {Map<string, number>} */
  #passTimes = new Map();
  #complain;

  /** @param {Wish} wanted @param {import('./galleries.js').Galleries} galleries @param {() => void} onChange @param {(error: unknown, retry?: () => void) => void} onFailure */
  constructor(wanted, galleries, onChange, onFailure) {
    this.wanted = wanted;
    this.galleries = galleries;
    this.changed = onChange;
    this.#complain = onFailure;
  }

  /** The pictures of the wanted family, if they are on the site. */
  get gallery() {
    return this.galleries.here.find(({ family }) => family === this.wanted.family.id);
  }

  /** Whether the picture is the user's own. */
  get ownPicture() {
    return this.wanted.subject !== null && !this.wanted.subject.place;
  }

  /** The result, if the saved picture is read as something else than the original. */
  get misread() {
    const { original, eight_bit } = this.result?.outcome.report ?? {};
    return original?.class === eight_bit?.class ? null : this.result;
  }

  /** Whether this job runs. @param {Kind} kind */
  runs(kind) {
    return this.job?.kind === kind;
  }

  /** Whether the page has what this action needs. @param {Action} action */
  offers(action) {
    return ACTIONS[action].needs(this);
  }

  /** Whether this action is allowed now. @param {Action} action */
  allows(action) {
    return this.offers(action) && (!this.job || ACTIONS[action].during.includes(this.job.kind));
  }

  /** @param {Kind} kind */
  begin(kind) {
    this.job?.abort();
    this.note = '';
    this.job = new Job(kind);
    return this.job;
  }

  /** Reports the failure of a job, unless another job has replaced it. @param {Job} job @param {unknown} error @param {() => void} [retry] @param {(cancelled: boolean) => void} [failed] says so at the job's own place */
  fail(job, error, retry, failed) {
    failed?.(job.signal.aborted);
    if (job !== this.job) return;
    if (!job.signal.aborted) this.#complain(error, retry);
    else if (!failed) this.note = 'Cancelled. ';
  }

  /** @param {Job} job */
  end(job) {
    if (job !== this.job) return;
    this.job = null;
    this.changed();
  }

  /** @param {Shown} shown */
  accept(shown) {
    if (this.shown?.picture !== shown.picture) this.trials = [];
    this.shown = shown;
    this.best = this.result = null;
  }

  /** The shown picture's last results with this attack, by σ, as far as they fool the network. @param {AttackOptions} options @returns {Map<number, AttackReport>} */
  tried(options) {
    const wanted = JSON.stringify(options);
    const last = new Map(this.trials.filter((trial) => JSON.stringify(trial.options) === wanted).map(({ model, report }) => [model.sigma, report]));
    return new Map([...last].filter(([, { success }]) => success));
  }

  /** Milliseconds of a forward pass with the networks of a family; undefined before the first search. @param {Family} family */
  passTime({ id }) {
    return this.#passTimes.get(id);
  }

  /** @param {AttackOptions} options @param {ModelEntry} model @param {AttackReport} report */
  record(options, model, report) {
    if (this.shown) this.#passTimes.set(this.shown.family.id, report.milliseconds / Math.max(work(report.passes), 1));
    // The same result may be recorded again, with the same norms object: it replaces the first.
    const others = this.trials.filter((trial) => trial.report.norms !== report.norms);
    this.trials = [...others, { options, model, report }];
  }
}
