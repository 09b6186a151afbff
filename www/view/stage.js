// The visible experiment: the original, the change, the adversarial picture, and the predictions before and after.

import { bars } from './bars.js';
import { wipeView } from './wipe.js';
import { find } from './dom.js';
import { frames } from './frames.js';
import { refutation } from '../check.js';
import { norms } from './norms.js';
import { framed } from './picture.js';
import * as run from './run.js';
import { average, counted, deviceName, duration, percent, sizeWords, spent } from '../words.js';

/** @typedef {import('../page.js').Shown} Shown */
/** @typedef {import('../page.js').Result} Result */
/** @typedef {import('../page.js').Best} Best */
/** @typedef {Pick<import('../page.js').Page, 'wanted' | 'shown' | 'result' | 'best' | 'note'>} State */

/** @param {Shown} shown */
const valuesOf = ({ family: { input } }) => input.channels * input.width * input.height;

export function stage() {
  const section = find('stage', HTMLElement);
  const original = framed('original');
  const difference = framed('difference');
  const adversarial = framed('adversarial');
  const closer = wipeView();
  const frame = frames();
  /** What the pictures show now. @type {Shown | Result | Best | null} */
  let seen = null;

  /** @param {Result} result */
  function showResult(result) {
    const { of, outcome } = result;
    const { report } = outcome;
    const factor = +outcome.factor.toPrecision(3);
    difference.show(outcome.difference, `amplified ×${factor} (grey: none)`, `The change to the picture, amplified ${factor} times`);
    adversarial.show(outcome.adversarial, report.eight_bit.success ? likeness(report.eight_bit.norms.l1 / valuesOf(of)) : 'not found: this is how far it got', `The changed picture, which the network reads as ${report.eight_bit.label}`);
    closer.show(of.picture, outcome.adversarial, `${of.subject.name}, original and changed`);
    norms(find('norms', HTMLElement), report, valuesOf(of));
    frame.show('adversarial');
  }

  /** @param {Best} best */
  function showBest(best) {
    difference.clear();
    closer.clear();
    frame.show('adversarial');
    adversarial.show(best.picture, `${sizeWords(best.norm, best.size)} so far`, 'The smallest change so far that fools the network');
  }

  /** @param {State} state */
  function showPictures({ shown, result, best }) {
    const classes = { before: shown?.predictions[0].class ?? -1, after: result?.outcome.report.eight_bit.success ? result.outcome.report.eight_bit.class : undefined };
    if (shown) original.show(shown.picture, shown.subject.name, `The original picture: ${shown.subject.name}`);
    bars(find('before', HTMLElement), result?.outcome.original_predictions ?? shown?.predictions ?? [], classes);
    section.classList.toggle('done', result !== null);
    if (result) {
      bars(find('after', HTMLElement), result.outcome.adversarial_predictions, classes);
      showResult(result);
    } else if (best) {
      showBest(best);
    } else {
      difference.clear();
      adversarial.clear();
      closer.clear();
      frame.show('original');
    }
  }

  return {
    /** Shows pictures, predictions and the verdict. @param {State & { classifying: boolean, attacking: boolean }} state */
    show({ classifying, attacking, ...state }) {
      if (classifying) return;
      const next = state.result ?? state.best ?? state.shown;
      if (next !== seen) showPictures(state);
      seen = next;
      if (!attacking) showVerdict(state);
    },

    /** Shows a smaller change while the search is running. @param {Best} best */
    showBest(best) {
      showBest(best);
      seen = best;
    },

    /** Shows the picture before the network has loaded: a square of an image, at the network's size. @param {HTMLImageElement} image @param {import('../page.js').Crop} square @param {number} side @param {string} name */
    preview(image, square, side, name) {
      if (!seen) original.preview(image, square, side, name, `The original picture: ${name}`);
    },
  };
}

/** The verdict. @param {State} state */
function showVerdict({ wanted, shown, result, best, note }) {
  if (!shown) {
    if (wanted.subject) run.verdict(`${note}The network has not looked at the picture yet.`, 'Press the button, or choose another picture.', 'failed');
    else run.verdict('Choose a picture to begin.');
    return;
  }
  const [{ label, probability }] = shown.predictions;
  if (result) return verdictOf(result);
  if (best) {
    run.verdict(`${note || 'The search ended early. '}The network already misreads the picture found until then.`, `It is the smallest change so far: ${sizeWords(best.norm, best.size)}.`, 'fooled');
    return;
  }
  const { label: truth } = shown.subject;
  const wrong = truth && label !== truth ? ` It is wrong already: this is “${truth}”.` : '';
  run.verdict(`${note}The network sees “${label}”, ${percent(probability)} sure.${wrong}`);
}

/** Shows the prediction for the 8-bit picture. @param {Result} result */
function verdictOf(result) {
  const { of, outcome: { report }, device } = result;
  const [{ label }] = of.predictions;
  const { success, label: now, probability, norms } = report.eight_bit;
  const cost = `${spent(report.passes)} in ${duration(report.milliseconds)} on ${deviceName(device)}.`;
  const doubts = report.flags.map(({ message }) => message);
  const refuted = refutation(result);
  if (refuted) return run.verdict(refuted, cost, 'failed', doubts);
  if (success) {
    const sizes = [...new Set([report.norm, /** @type {const} */ ('l2')])].map((norm) => sizeWords(norm, norms[norm]));
    run.verdict(
      `Fooled: “${label}” is now “${now}”, ${percent(probability)} sure.`,
      `${searched(result)}: ${sizes.join('; ')}; average change per pixel: ${average(norms.l1, valuesOf(of))}. ${cost}`,
      'fooled',
      doubts,
    );
  } else {
    const sees = `it ${now === label ? 'still' : 'now'} sees “${now}”, ${percent(probability)} sure`;
    const aim = report.target === null || now === report.target ? 'Not fooled as asked' : `Not made to see “${report.target}”`;
    run.verdict(now === label ? `Not fooled: ${sees}.` : `${aim}: ${sees}.`, `${report.message ?? ''} ${cost}`, 'failed', doubts);
  }
}

/** How the changed picture looks beside the original. @param {number} change of a value on average, from 0 to 1 */
const likeness = (change) => (change < 1.5 / 255 ? 'looks the same to you' : change < 8 / 255 ? 'hardly changed' : 'plainly changed');

/** How many steps the search took, in words. @param {Result} result */
function searched({ options, stopped, outcome }) {
  if (stopped) return `Cancelled; smallest found in ${stopped.step.toLocaleString('en')} of ${counted(stopped.steps, 'step')}`;
  // If any change within ε is a success, it does not search for the smallest.
  const what = options.epsilon !== undefined && !options.searches ? 'Found' : 'Smallest found';
  const { forward, backward } = outcome.report.passes;
  const all = Math.max(forward, backward) >= Number(options.steps);
  return options.steps === undefined ? what : `${what} in ${all ? '' : 'fewer than '}${counted(Number(options.steps), 'step')}`;
}
