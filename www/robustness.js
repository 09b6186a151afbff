// The measured results that come with the site, and what the chart takes from them.

import { json } from './contents.js';

/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {{ value: number | null, low: number | null, high: number | null }} Interval a value that is null is infinite: too many pictures were not fooled */
/** @typedef {'mean_l2' | 'median_l2' | 'mean_linf' | 'median_linf'} Measure */

/**
 * One network, trained from one random start.
 * @typedef {{ model: string, seed: number, clean: number, noisy: number, clean_errors: number, failures: number } & Record<Measure, number | null>} Training
 */

/**
 * The networks of one σ.
 * @typedef {{ sigma: number, clean: number, noisy: number, trainings: Training[], predicted: Interval | null, read: number[], certified?: number[] } & Record<Measure, Interval>} Level
 * `clean`, `noisy`: the share read right on held-out pictures; the measures: means over trainings with the interval over
 * them, or that over the pictures where there is one training; `predicted`: the mean change as accuracy under noise
 * foretells it; `read`: the share still read correctly after a change of each of the evaluation's radii;
 * `certified`: the share that the vote of such a network under noise gets right, with a proof up to each of the radii
 */

/**
 * An attack on the networks of all levels.
 * @typedef {object} Evaluation
 * @property {string} name
 * @property {string} networks the family of the networks: the pictures' own, or one of a study
 * @property {string} title of that family
 * @property {AttackOptions} attack
 * @property {'all' | 'test'} split
 * @property {number} pictures
 * @property {number | null} limit what no network can exceed: half the distance to the nearest picture of another class, on average
 * @property {number[]} radii sizes ‖Δx‖₂ of a change
 * @property {Level[]} levels by rising σ
 * @property {Partial<Record<Measure, { text: string }>>} growth what noise did, in a sentence
 */

/** @typedef {{ sigma: number, value: number, low: number, high: number }} Point infinite where too many pictures were not fooled, not a number where nothing is known */

/** @type {Record<Measure, { words: string, axis: string, norm: 'l2' | 'linf' }>} */
export const MEASURES = {
  mean_l2: { words: 'mean ‖Δx‖₂', axis: '‖Δx‖₂', norm: 'l2' },
  median_l2: { words: 'median ‖Δx‖₂', axis: '‖Δx‖₂', norm: 'l2' },
  mean_linf: { words: 'mean ‖Δx‖∞', axis: '‖Δx‖∞', norm: 'linf' },
  median_linf: { words: 'median ‖Δx‖∞', axis: '‖Δx‖∞', norm: 'linf' },
};

/**
 * Whether what fools one network fools the others.
 * @typedef {object} Transfer
 * @property {AttackOptions} attack
 * @property {number} pictures
 * @property {number[]} sigmas in the order of rows and columns
 * @property {(number | null)[][]} shares a row for each network that is attacked: the share of the pictures made for it that fools each of the others
 */

/** @typedef {{ family: string, evaluations: Evaluation[], transfer?: Transfer }} Measured of a family; the evaluation to show first comes first */

/** @returns {Promise<Map<string, Measured>>} of every family, by its id */
export async function measured() {
  /** @type {{ families: Measured[] }} */
  const { families } = await json('robustness/figures.json');
  return new Map(families.map((measured) => [measured.family, measured]));
}

/** @param {number} sigma @param {Interval} interval @returns {Point} */
function point(sigma, { value, low, high }) {
  return { sigma, value: value ?? Infinity, low: low ?? NaN, high: high ?? (value === null && low !== null ? Infinity : NaN) };
}

/** A value without an interval. @param {number} sigma @param {number} value @returns {Point} */
export const exact = (sigma, value) => ({ sigma, value, low: NaN, high: NaN });

/** The measure at every level. @param {Level[]} levels @param {Measure} measure */
export const curve = (levels, measure) => levels.map((level) => point(level.sigma, level[measure]));

/** The same of each training seed, where there are several. @param {Level[]} levels @param {Measure} measure */
export function seedCurves(levels, measure) {
  if (trainingsOf(levels).most < 2) return [];
  const seeds = [...new Set(levels.flatMap(({ trainings }) => trainings.map(({ seed }) => seed)))].sort((a, b) => a - b);
  return seeds.map((seed) => levels.flatMap(({ sigma, trainings }) => {
    const training = trainings.find((training) => training.seed === seed);
    return training ? [exact(sigma, training[measure] ?? Infinity)] : [];
  }));
}

/** What accuracy under noise predicts of the mean change. @param {Level[]} levels */
export const predictions = (levels) => levels.flatMap(({ sigma, predicted }) => (predicted ? [point(sigma, predicted)] : []));

/** What was measured here. @param {import('../pkg/decoy.js').SweepPoint[]} points @param {Measure} measure */
export function measuredHere(points, measure) {
  return points
    .map(({ sigma, summary }) => {
      const { value, low, high } = summary[measure];
      // Nothing was attacked where there was no failure either.
      return value === null && !summary.failures ? { sigma, value: NaN, low: NaN, high: NaN } : point(sigma, { value, low, high });
    })
    .sort((a, b) => a.sigma - b.sigma);
}

/** How many trainings a level has: the fewest and the most. @param {Level[]} levels */
export function trainingsOf(levels) {
  const counts = levels.map(({ trainings }) => trainings.length);
  return { fewest: Math.min(...counts), most: Math.max(...counts) };
}

/** What the intervals are over, in words. @param {Level[]} levels */
export function intervalWords(levels) {
  const { fewest, most } = trainingsOf(levels);
  if (most < 2) return '95 % interval over pictures, not over retraining';
  const several = Math.max(fewest, 2) === most ? `${most} trainings` : `${Math.max(fewest, 2)} to ${most} trainings`;
  return `95 % interval over retraining (${several})${fewest < 2 ? '; over pictures where there is one training' : ''}`;
}
