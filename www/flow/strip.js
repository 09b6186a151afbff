// The noise strip: the shown picture attacked on every network of its family, one after the other.

import { trialRow } from '../rows.js';
import { dataButtons } from '../view/data.js';
import { strip } from '../view/strip.js';
import * as run from '../view/run.js';
import { attackWords, counted, duration, isOwnFile } from '../words.js';
import { doJob } from './job.js';

/** @typedef {import('../page.js').AttackOptions} AttackOptions */
/** @typedef {import('../page.js').Family} Family */
/** @typedef {import('../page.js').Picture} Picture */
/** @typedef {import('../page.js').Result} Result */
/** @typedef {Pick<Result, 'options' | 'outcome' | 'device'> & { model: Family['models'][number] }} Found */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {ReturnType<typeof import('./classify.js').classifyFlow>} classifying
 * @param {ReturnType<typeof import('./attack.js').attackFlow>} attacks
 */
export function stripFlow(page, session, form, classifying, attacks) {
  const widget = strip(fill, () => page.job?.abort(), open);
  /** @type {Family | null} */
  let family = null;
  /** @type {Picture | null} */
  let picture = null;
  /** The attack with which the strip was made, as JSON. */
  let attack = '';
  /** Milliseconds taken for what was found. */
  let taken = 0;
  /** Results by network. @type {Map<string, Found>} */
  const found = new Map();
  const data = dataButtons('strip-data', 'the strip', 'noise-strip', () => [...found.values()].map(({ options, model, outcome: { report } }) => trialRow({ options, model, report })));

  function clear() {
    found.clear();
    taken = 0;
    widget.clear();
  }

  /** Attacks all networks. Continues a stopped run if the settings are the same. */
  async function fill() {
    const options = form.read();
    if (!page.shown || !options) return;
    const { picture, family: { models } } = page.shown;
    if (attack !== JSON.stringify(options) || models.every(({ id }) => found.has(id))) clear();
    attack = JSON.stringify(options);
    await doJob(page, session, 'strip', async (job) => {
      const { signal } = job;
      const began = performance.now();
      page.changed();
      widget.begin();
      for (const model of models.filter(({ id }) => !found.has(id))) {
        const { id } = model;
        const tell = (/** @type {string} */ words) => signal.aborted || widget.progress(id, { words });
        try {
          tell('preparing');
          const bridge = await job.wait(session.worker());
          const outcome = await job.wait(bridge.attack(id, picture, options, {
            signal,
            loading: (state) => tell(run.loadingShare(state)),
            progress: ({ step, steps }) => tell(`step ${step} of ${steps}`),
          }));
          page.record(options, model, outcome.report);
          found.set(id, { options, model, outcome, device: /** @type {NonNullable<typeof session.device>} */ (session.device) });
          widget.result(id, resultOf(outcome));
        } catch (error) {
          if (signal.aborted) break;
          session.leaveGpu();
          widget.result(id, { failed: error instanceof Error ? error.message : String(error) });
        }
      }
      taken += performance.now() - began;
      const all = counted(models.length, 'network');
      widget.end(
        !signal.aborted ? `${attackWords(options, form.info(options.attack))}: ${all} in ${duration(taken)}.`
        : found.size ? `Stopped after ${found.size} of ${all}. “Fool every network” continues from here.`
        : '',
        signal.aborted ? '' : growth(models, found),
      );
    });
  }

  /** Shows a network and its result. @param {string} id */
  async function open(id) {
    const kept = found.get(id);
    if (!kept || !(await classifying.classify({ model: kept.model })) || !page.shown) return;
    attacks.settle({ of: page.shown, ...kept });
    page.changed();
  }

  /** The new prediction; and the one before, if it differs from that of the network on the page. @param {Result['outcome']} outcome */
  function resultOf({ adversarial, report: { original, norm, eight_bit: { success, label, probability, norms } } }) {
    if (!success) return { failed: 'not fooled' };
    const before = page.shown?.predictions[0].label;
    return { picture: adversarial, label: original.label === before ? label : `${label} (before: ${original.label})`, probability, norm, size: norms[norm] };
  }

  return {
    show() {
      if (family !== page.wanted.family) {
        family = page.wanted.family;
        found.clear();
        widget.show(family.models);
      }
      // The results of another picture are discarded.
      if (picture !== (page.shown?.picture ?? null)) {
        picture = page.shown?.picture ?? null;
        clear();
      }
      data.shown(found.size > 0);
      widget.enabled(page.shown?.family === family && family.models.length > 1 && form.ready() && page.allows('strip'));
    },
  };
}

/** The effect of noise in training, in a sentence. @param {Family['models']} models sorted by σ @param {Map<string, Found>} found */
function growth([clean, ...noisy], found) {
  const sizes = (/** @type {Family['models']} */ models) => models.flatMap(({ id }) => {
    const report = found.get(id)?.outcome.report;
    return report?.eight_bit.success ? [report.eight_bit.norms[report.norm]] : [];
  });
  const [first] = sizes([clean]);
  const others = sizes(noisy);
  if (!first || !others.length || isOwnFile(clean)) return '';
  const times = others.map((size) => (size / first).toFixed(1)).sort((a, b) => Number(a) - Number(b));
  const range = times[0] === times.at(-1) ? times[0] : `${times[0]} to ${times.at(-1)}`;
  const missed = noisy.length - others.length;
  return `Networks trained with noise needed ${range} times the change.${missed ? ` ${missed} of ${noisy.length} of them were not fooled.` : ''}`;
}
