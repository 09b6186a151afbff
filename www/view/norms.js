// The four sizes of the change, each with what it counts.

import { make } from './dom.js';
import { average, figure, percent } from './words.js';

/** @param {HTMLElement} list @param {import('../../pkg/decoy.js').Norms} norms @param {number} values how many values the picture has */
export function norms(list, { l0, l1, l2, linf }, values) {
  /** @type {[string, string, string, string][]} */
  const rows = [
    ['L2', '‖Δx‖₂', figure(l2), 'length of the change, all pixels together; the one in the chart'],
    ['L infinity', '‖Δx‖∞', figure(linf), `largest change of a pixel: ${figure(255 * linf)} of 255`],
    ['L1', '‖Δx‖₁', figure(l1), `all changes added up; average change per pixel: ${average(l1, values)}`],
    ['L0', '‖Δx‖₀', l0.toLocaleString('en'), `values changed at all, ${percent(l0 / values)} of them`],
  ];
  list.replaceChildren(
    ...rows.map(([name, symbol, value, meaning]) => make('div', {},
      make('dt', {}, make('abbr', { title: name }, symbol)),
      make('dd', { className: 'figure' }, value),
      make('dd', { className: 'note' }, meaning))),
  );
}
