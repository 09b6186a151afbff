// “Tried on this picture”: every attack on the shown picture, in order.

import { shownResult, trialRow } from '../rows.js';
import { dataButtons } from './data.js';
import { find, make } from './dom.js';
import { NORMS, duration, networkName, normFigure, percent, spent } from '../words.js';

/** @typedef {import('../page.js').Trial} Trial */

const COLUMNS = /** @type {const} */ (['l2', 'linf', 'l1', 'l0']);

export function triedList() {
  const section = find('tried', HTMLElement);
  const table = find('tried-table', HTMLTableElement);
  /** @type {Trial[]} */
  let shown = [];
  dataButtons('tried-data', 'what was tried', 'tried', () => shown.map(trialRow));

  const heads = ['Attack', 'Network', 'Result', ...COLUMNS.map((norm) => NORMS[norm].symbol), 'Passes', 'Time'];

  /** @param {Trial} trial @param {string} words */
  function line({ model, report }, words) {
    const { label, probability, norms } = shownResult(report);
    const cells = [
      networkName(model),
      `${report.success ? 'fooled' : 'not fooled'}: “${label}”, ${percent(probability)}`,
      ...COLUMNS.map((norm) => normFigure(norm, norms[norm])),
      spent(report.passes),
      duration(report.milliseconds),
    ];
    return make('tr', { className: report.success ? 'fooled' : 'failed' },
      make('th', { scope: 'row' }, words),
      ...cells.map((cell) => make('td', {}, cell)));
  }

  return {
    /** @param {{ trials: Trial[], words: string[] }} state `words`: the attack of each */
    show({ trials, words }) {
      if (trials === shown) return;
      shown = trials;
      section.hidden = !trials.length;
      table.replaceChildren(
        make('thead', {}, make('tr', {}, ...heads.map((name) => make('th', { scope: 'col' }, name)))),
        make('tbody', {}, ...trials.map((trial, index) => line(trial, words[index]))));
    },
  };
}
