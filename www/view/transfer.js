// Whether pictures that fool one network fool the others: a table of all pairs.

import { find, make } from './dom.js';
import { sigmaWords } from '../words.js';

/** @param {import('../robustness.js').Transfer | undefined} transfer @param {string} attack in words */
export function transferTable(transfer, attack) {
  find('transfer', HTMLElement).hidden = !transfer;
  if (!transfer) return;
  const { pictures, sigmas, shares } = transfer;
  const share = (/** @type {number | null} */ value, /** @type {boolean} */ same) => {
    const cell = make('td', { className: 'share' }, value === null ? '–' : `${Math.round(100 * value)} %`);
    // The number is in the text; the shade only helps to find it.
    cell.style.setProperty('--share', String(same ? 0 : value ?? 0));
    return cell;
  };
  find('transfer-table', HTMLTableElement).replaceChildren(
    make('caption', {}, `Of the pictures that were changed to fool the network of a row, the share that fools the network of a column too. ${pictures} held-out pictures; ${attack}.`),
    make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'made for'), ...sigmas.map((level) => make('th', { scope: 'col' }, sigmaWords(level))))),
    make('tbody', {}, ...shares.map((row, index) => make('tr', {},
      make('th', { scope: 'row' }, sigmaWords(sigmas[index])),
      ...row.map((value, column) => share(value, column === index))))));
}
