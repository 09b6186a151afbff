// The noise strip: the shown picture attacked on every network of its family, one after the other.

import { isOwnFile } from '../contents.js';
import { trialRow } from '../rows.js';
import { dataButtons } from '../view/data.js';
import { strip } from '../view/strip.js';
import * as run from '../view/run.js';
import { attackWords, counted, duration } from '../words.js';
import { doJob } from './job.js';

/** @typedef {import('../page.js').AttackOptions} AttackOptions */
/** @typedef {import('../page.js').Family} Family */
/** @typedef {import('../page.js').Picture} Picture */
/** @typedef {import('../page.js').Result} Result */
/** @typedef {Pick<Result, 'options' | 'outcome' | 'device'> & { model: Family['models'][number] }} Searched what a search on a network has given */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {ReturnType<typeof import('./classify.js').classifyFlow>} classifying
 * @param {ReturnType<typeof import('./attack.js').attackFlow>} attacks
 */
export function stripFlow(page, session, form, classifying, attacks) {
  const widget = strip(fill, () => page.job?.abort(), open);
  /** @type {Family['models'] | null} */
  let networks = null;
  /** @type {Picture | null} */
  let picture = null;
  /** The attack with which the strip was made, as JSON. */
  let attack = '';
  /** Milliseconds taken for the results. */
  let taken = 0;
  /** Results by network. @type {Map<string, Searched>} */
  const results = new Map();
  /** What the strip shows of each network. @type {Map<string, import('../view/strip.js').Outcome>} */
  const outcomes = new Map();
  let [status, growth] = ['', ''];
  const data = dataButtons('strip-data', 'the strip', 'noise-strip', () => [...results.values()].map(({ options, model, outcome: { report } }) => trialRow({ options, model, report })));

  function clear() {
    results.clear();
    outcomes.clear();
    taken = 0;
    [status, growth] = ['', ''];
  }

  /** Attacks all networks. Continues a stopped run if the settings are the same. */
  async function fill() {
    const options = form.read();
    if (!page.shown || !options) return;
    const { picture, family: { models } } = page.shown;
    const all = counted(models.length, 'network');
    if (attack !== JSON.stringify(options) || models.every(({ id }) => results.has(id))) clear();
    attack = JSON.stringify(options);
    await doJob(page, session, 'strip', async (job) => {
      const { signal } = job;
      const began = performance.now();
      [status, growth] = [`Fooling ${all}…`, ''];
      page.changed();
      for (const model of models.filter(({ id }) => !results.has(id))) {
        const { id } = model;
        const progress = (/** @type {string} */ words) => signal.aborted || put(id, { words });
        try {
          progress('preparing');
          const bridge = await job.wait(session.worker());
          const outcome = await job.wait(bridge.attack(id, picture, options, {
            signal,
            loading: (state) => progress(run.loadingShare(state)),
            progress: ({ step, steps }) => progress(`step ${step} of ${steps}`),
          }));
          page.record(options, model, outcome.report);
          results.set(id, { options, model, outcome, device: /** @type {NonNullable<typeof session.device>} */ (session.device) });
          put(id, outcomeOf(outcome));
        } catch (error) {
          if (signal.aborted) {
            outcomes.delete(id);
            break;
          }
          session.leaveGpu();
          put(id, { words: error instanceof Error ? error.message : String(error) });
        }
      }
      taken += performance.now() - began;
      if (!signal.aborted) [status, growth] = [`${attackWords(options, form.info(options.attack))}: ${all} in ${duration(taken)}.`, growthOf(models, results)];
      else status = results.size ? `Stopped after ${results.size} of ${all}. “Fool every network” continues from here.` : '';
      show();
    });
  }

  /** @param {string} id of the network @param {import('../view/strip.js').Outcome} outcome */
  function put(id, outcome) {
    outcomes.set(id, outcome);
    show();
  }

  /** Shows a network and its result. @param {string} id */
  async function open(id) {
    const kept = results.get(id);
    if (!kept || !(await classifying.classify({ model: kept.model })) || !page.shown) return;
    attacks.settle({ of: page.shown, ...kept });
    page.changed();
  }

  /** The new prediction; and the one before, if it differs from that of the network on the page. @param {Result['outcome']} outcome */
  function outcomeOf({ adversarial, report: { original, norm, eight_bit: { success, label, probability, norms } } }) {
    if (!success) return { words: 'not fooled' };
    const before = page.shown?.predictions[0].label;
    return { picture: adversarial, label: original.label === before ? label : `${label} (before: ${original.label})`, probability, norm, size: norms[norm] };
  }

  function show() {
    const { shown, wanted: { family: { models } } } = page;
    // The results of other networks or of another picture are discarded.
    if (networks !== models || picture !== (shown?.picture ?? null)) {
      networks = models;
      picture = shown?.picture ?? null;
      clear();
    }
    data.show({ visible: results.size > 0 });
    widget.show({ models, running: page.runs('strip'), allowed: page.allows('strip'), outcomes, status, growth });
  }

  return { show };
}

/** The effect of noise in training, in a sentence. @param {Family['models']} models sorted by σ @param {Map<string, Searched>} results */
function growthOf([clean, ...noisy], results) {
  const sizes = (/** @type {Family['models']} */ models) => models.flatMap(({ id }) => {
    const report = results.get(id)?.outcome.report;
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
