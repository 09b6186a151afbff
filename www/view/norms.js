// The four sizes of the change, each with what it counts.

import { make } from './dom.js';
import { counted, figure, percent } from './words.js';

/** @param {HTMLElement} list @param {import('../../pkg/decoy.js').Norms} norms @param {number} values how many values the picture has */
export function norms(list, { l0, l1, l2, linf }, values) {
  /** @type {[string, string, string, string][]} */
  const rows = [
    ['L2', '‖Δx‖₂', figure(l2), 'length of the change, all pixels together; the one in the chart'],
    ['L infinity', '‖Δx‖∞', figure(linf), `largest change of one pixel: ${counted(Math.round(255 * linf), 'grey level')} of 255`],
    ['L1', '‖Δx‖₁', figure(l1), 'all changes added up; 1 is one pixel from black to white'],
    ['L0', '‖Δx‖₀', l0.toLocaleString('en'), `pixels changed at all, ${percent(l0 / values)} of them`],
  ];
  list.replaceChildren(
    ...rows.map(([name, symbol, value, meaning]) => make('div', {},
      make('dt', {}, make('abbr', { title: name }, symbol)),
      make('dd', { className: 'figure' }, value),
      make('dd', { className: 'note' }, meaning))),
  );
}
