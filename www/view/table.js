// The chart's figures as a table.

import { interval } from './curves.js';
import { find, make } from './dom.js';
import { figure, percent, sigmaWords } from '../words.js';

/** @typedef {import('../robustness.js').Level} Level */
/** @typedef {import('../robustness.js').Point} Point */

/** The table of a curve has about this many rows, with its first and last point. */
const ROWS = 11;

/**
 * ‖Δx‖ by σ.
 * @param {import('./curves.js').Curves} curves @param {Level[]} levels of the shipped curve @param {string} caption
 */
export function figures({ measured, seeds, predicted, here, picture, names }, levels, caption) {
  const sigmas = [...new Set([...measured, ...here, ...picture].map((point) => point.sigma))].sort((a, b) => a - b);
  const at = (/** @type {Point[]} */ points, /** @type {number} */ sigma) => points.find((point) => point.sigma === sigma);
  const columns = [
    { kind: 'measured', name: names.measured, points: measured },
    { kind: 'predicted', name: names.predicted, points: predicted },
    { kind: 'here', name: names.here, points: here },
    { kind: 'picture', name: names.picture, points: picture },
  ].filter(({ points }) => points.length);
  const head = ['σ', ...columns.map(({ name }) => name), ...(seeds.length ? [names.seeds] : []), 'trainings', 'right without noise', 'right under this noise', 'not fooled'];
  fill(caption, head, sigmas.map((sigma) => {
    const level = levels.find((level) => level.sigma === sigma);
    return make('tr', {},
      make('th', { scope: 'row' }, sigma.toFixed(2)),
      ...columns.map(({ kind, points }) => {
        const point = at(points, sigma);
        return make('td', { className: kind }, point ? interval(point) : '');
      }),
      ...(seeds.length ? [make('td', {}, seeds.flatMap((points) => at(points, sigma) ?? []).map(({ value }) => figure(value)).join(', '))] : []),
      ...(level ? described(level) : ['', '', '', '']).map((words) => make('td', {}, words)));
  }));
}

/** More about a level, in words. @param {Level} level */
function described({ trainings, clean, noisy }) {
  const failures = trainings.reduce((sum, training) => sum + training.failures, 0);
  return [String(trainings.length), percent(clean), percent(noisy), failures.toLocaleString('en')];
}

/** The share still classified correctly, by the size of the change. @param {Pick<import('../robustness.js').Evaluation, 'radii' | 'levels'>} evaluation @param {string} caption */
export function shares({ radii, levels }, caption) {
  const step = Math.max(1, Math.ceil((radii.length - 1) / (ROWS - 1)));
  const rows = radii.flatMap((radius, index) => (index % step === 0 || index === radii.length - 1 ? [{ radius, index }] : []));
  const columns = [...levels.map(({ sigma, read }) => ({ head: sigmaWords(sigma), values: read })), ...levels.flatMap(({ sigma, certified }) => (certified ? [{ head: `${sigmaWords(sigma)}, proved`, values: certified }] : []))];
  fill(caption, ['‖Δx‖₂', ...columns.map(({ head }) => head)], rows.map(({ radius, index }) => make('tr', {},
    make('th', { scope: 'row' }, figure(radius)),
    ...columns.map(({ values }) => make('td', { className: 'share' }, percent(values[index]))))), 'shares');
}

/** @param {string} caption @param {string[]} head @param {HTMLElement[]} rows @param {string} [kind] */
function fill(caption, head, rows, kind = '') {
  const table = find('figures', HTMLTableElement);
  table.className = kind;
  table.replaceChildren(
    make('caption', {}, caption),
    make('thead', {}, make('tr', {}, ...head.map((name) => make('th', { scope: 'col' }, name)))),
    make('tbody', {}, ...rows),
  );
}
