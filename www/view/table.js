// The chart's figures as a table.

import { interval } from './chart.js';
import { find, make } from './dom.js';

/**
 * @param {import('./chart.js').Curves} curves
 * @param {Map<number, import('../../pkg/decoy.js').Summary>} summaries of the shipped curve, by σ
 * @param {string} caption
 */
export function figures({ measured, here, picture, names }, summaries, caption) {
  const sigmas = [...new Set([...measured, ...here, ...picture].map((point) => point.sigma))].sort((a, b) => a - b);
  const columns = [
    { kind: 'measured', name: names.measured, points: measured },
    { kind: 'here', name: names.here, points: here },
    { kind: 'picture', name: names.picture, points: picture },
  ].filter(({ points }) => points.length);
  const head = ['σ', ...columns.map(({ name }) => name), 'pictures', 'misread before', 'not fooled'];
  find('figures', HTMLTableElement).replaceChildren(
    make('caption', {}, caption),
    make('thead', {}, make('tr', {}, ...head.map((name) => make('th', { scope: 'col' }, name)))),
    make('tbody', {}, ...sigmas.map((sigma) => {
      const { images, clean_errors, failures } = summaries.get(sigma) ?? {};
      return make('tr', {},
        make('th', { scope: 'row' }, sigma.toFixed(2)),
        ...columns.map(({ kind, points }) => {
          const point = points.find((point) => point.sigma === sigma);
          return make('td', { className: kind }, point ? interval(point) : '');
        }),
        ...[images, clean_errors, failures].map((value) => make('td', {}, value?.toLocaleString('en') ?? '')));
    })),
  );
}
