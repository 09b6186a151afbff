// The four norms of the change, each with its meaning.

import { find, make } from './dom.js';
import { NORMS, average, figure, normFigure, percent, sizeWords } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').Norm} Norm */

/** Lists the norms of the 8-bit picture; the attack's own norm comes first. @param {HTMLElement} list @param {import('../../pkg/decoy.js').AttackReport} report @param {number} values how many values the picture has */
export function norms(list, { norm: own, norms: exact, eight_bit: { norms: { l0, l1, l2, linf } } }, values) {
  /** @type {[Norm, string, number, string][]} */
  const rows = [
    ['l2', 'L2', l2, 'length of the change, all pixels together'],
    ['linf', 'L infinity', linf, `largest change of a pixel: ${figure(255 * linf)} of 255`],
    ['l1', 'L1', l1, `all changes added up; average change per pixel: ${average(l1, values)}`],
    ['l0', 'L0', l0, `values changed at all, ${percent(l0 / values)} of them`],
  ];
  rows.sort(([a], [b]) => Number(b === own) - Number(a === own));
  list.replaceChildren(
    ...rows.map(([norm, name, value, meaning]) => make('div', {},
      make('dt', {}, make('abbr', { title: name }, NORMS[norm].symbol)),
      make('dd', { className: 'figure' }, normFigure(norm, value)),
      make('dd', { className: 'note' }, norm === own ? `${meaning}; the one this attack keeps small` : meaning))),
  );
  find('norms-note', HTMLElement).textContent = `Of the picture that can be saved, in the 256 shades of a file. Before it was rounded to them, ${sizeWords(own, exact[own])}.`;
}
