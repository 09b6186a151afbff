// The chart of robustness: the choice of what it shows, its sentences, and its figures as a plot and as a table.

import { curvesPlot } from './curves.js';
import { find } from './dom.js';
import { plotView } from './plot.js';
import { sharesPlot } from './shares.js';
import { figures, shares } from './table.js';
import { transferTable } from './transfer.js';

/** @typedef {import('../robustness.js').Evaluation} Evaluation */

/**
 * @typedef {object} State
 * @property {string[]} names of the evaluations that can be chosen
 * @property {number} index of the chosen one
 * @property {boolean} predictable whether the prediction from the accuracy under noise can be shown
 * @property {boolean} limited whether the limit of any network can be shown
 * @property {string} meaning how to read the chart
 * @property {string} sentence the effect of noise
 * @property {string} caption
 * @property {string} title of the table
 * @property {import('./curves.js').Curves | null} curves null: the shares still read correctly are shown
 * @property {Pick<Evaluation, 'radii' | 'levels'>} evaluation
 * @property {number} sigma of the dial
 * @property {{ figures: import('../robustness.js').Transfer, attack: string } | null} transfer its figures, and the attack in words
 */

/** @param {Record<string, string>} measures what can be shown, in words @param {() => void} onChoice */
export function chart(measures, onChoice) {
  const plot = plotView();
  const evaluations = find('evaluation', HTMLSelectElement);
  const measure = find('measure', HTMLSelectElement);
  const predicted = find('predicted', HTMLInputElement);
  const limit = find('limit', HTMLInputElement);
  let listed = '';

  measure.replaceChildren(...Object.entries(measures).map(([value, words]) => new Option(words, value)));
  evaluations.onchange = measure.onchange = predicted.onchange = limit.onchange = onChoice;

  return {
    /** What is chosen. */
    choice: () => ({ index: evaluations.selectedIndex, measure: measure.value, predicted: predicted.checked, limit: limit.checked }),

    /** @param {State} state */
    show({ names, index, predictable, limited, meaning, sentence, caption, title, curves, evaluation, sigma, transfer }) {
      if (names.join('\n') !== listed) {
        listed = names.join('\n');
        evaluations.replaceChildren(...names.map((name) => new Option(name)));
      }
      evaluations.selectedIndex = index;
      find('evaluation-field', HTMLElement).hidden = names.length < 2;
      predicted.parentElement?.toggleAttribute('hidden', !predictable);
      limit.parentElement?.toggleAttribute('hidden', !limited);
      for (const [place, words] of Object.entries({ meaning, sentence, caption })) find(`chart-${place}`, HTMLElement).textContent = words;
      plot.show(curves ? curvesPlot(curves) : sharesPlot(evaluation, sigma));
      if (curves) figures(curves, evaluation.levels, title);
      else shares(evaluation, title);
      transferTable(transfer?.figures, transfer?.attack ?? '');
    },
  };
}
