// The measured results that come with the site, and the chart's curves made of them.

import { json } from './contents.js';

/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {{ value: number | null, low: number | null, high: number | null }} Interval null means infinite: the attack failed on too many pictures */
/** @typedef {'mean_l2' | 'median_l2' | 'mean_linf' | 'median_linf'} Measure */

/**
 * One network, trained from one random start.
 * @typedef {{ model: string, seed: number, clean: number, noisy: number, clean_errors: number, failures: number, predicted_pictures: number } & Record<Measure, number | null>} Training
 */

/**
 * The networks of one σ.
 * @typedef {{ sigma: number, clean: number, noisy: number, trainings: Training[], predicted: Interval | null, read: number[], certified?: number[] } & Record<Measure, Interval>} Level
 * `clean`, `noisy`: the share of held-out pictures classified correctly, without and with noise; the measures: means and
 * intervals over trainings, with one training the interval over pictures; `predicted`: the mean change predicted from
 * the accuracy under noise; `read`: the share still classified correctly after a change of each of the evaluation's
 * `radii`; `certified`: the share that such a network classifies correctly by votes, certified up to each of the `radii`
 */

/**
 * An attack on the networks of all levels.
 * @typedef {object} Evaluation
 * @property {string} name
 * @property {string} networks the family of the networks: that of the pictures, or an unshipped one
 * @property {string} title of that family
 * @property {AttackOptions} attack
 * @property {'all' | 'test'} split
 * @property {number} pictures
 * @property {number | null} limit upper limit for any network: half the distance to the nearest picture of another class, mean over the pictures
 * @property {number[]} radii sizes ‖Δx‖₂ of a change
 * @property {Level[]} levels sorted by σ
 * @property {Partial<Record<Measure, { text: string }>>} growth the effect of noise, in a sentence
 */

/** @typedef {{ sigma: number, value: number, low: number, high: number }} Point infinite where the attack failed on too many pictures, NaN where unknown */

/** @type {Record<Measure, { words: string, axis: string, norm: 'l2' | 'linf' }>} */
export const MEASURES = {
  mean_l2: { words: 'mean ‖Δx‖₂', axis: '‖Δx‖₂', norm: 'l2' },
  median_l2: { words: 'median ‖Δx‖₂', axis: '‖Δx‖₂', norm: 'l2' },
  mean_linf: { words: 'mean ‖Δx‖∞', axis: '‖Δx‖∞', norm: 'linf' },
  median_linf: { words: 'median ‖Δx‖∞', axis: '‖Δx‖∞', norm: 'linf' },
};

/**
 * Whether pictures that fool one network fool the others.
 * @typedef {object} Transfer
 * @property {AttackOptions} attack
 * @property {number} pictures
 * @property {number[]} sigmas in the order of rows and columns
 * @property {(number | null)[][]} shares a row for each attacked network: the share of its adversarial pictures that fools each of the others
 */

/** @typedef {{ family: string, evaluations: Evaluation[], transfer?: Transfer }} Measured results of a family; the first evaluation is the default */

/** @returns {Promise<Map<string, Measured>>} by the family's id */
export async function fetchMeasured() {
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

/** A curve for each training seed; none where there is only one training. @param {Level[]} levels @param {Measure} measure */
export function seedCurves(levels, measure) {
  if (trainingsOf(levels).most < 2) return [];
  const seeds = [...new Set(levels.flatMap(({ trainings }) => trainings.map(({ seed }) => seed)))].sort((a, b) => a - b);
  return seeds.map((seed) => levels.flatMap(({ sigma, trainings }) => {
    const training = trainings.find((training) => training.seed === seed);
    return training ? [exact(sigma, training[measure] ?? Infinity)] : [];
  }));
}

/** The mean change predicted from the accuracy under noise. @param {Level[]} levels */
export const predictions = (levels) => levels.flatMap(({ sigma, predicted }) => (predicted ? [point(sigma, predicted)] : []));

/** The curve measured here. @param {import('../pkg/decoy.js').SweepPoint[]} points @param {Measure} measure */
export function measuredHere(points, measure) {
  return points
    .map(({ sigma, summary }) => {
      const { value, low, high } = summary[measure];
      // Without failures, null means that no picture was attacked.
      return value === null && !summary.failures ? { sigma, value: NaN, low: NaN, high: NaN } : point(sigma, { value, low, high });
    })
    .sort((a, b) => a.sigma - b.sigma);
}

/** The smallest and largest number of trainings at a level. @param {Level[]} levels */
export function trainingsOf(levels) {
  const counts = levels.map(({ trainings }) => trainings.length);
  return { fewest: Math.min(...counts), most: Math.max(...counts) };
}

/** What the intervals are computed over, in words. @param {Level[]} levels */
export function intervalWords(levels) {
  const { fewest, most } = trainingsOf(levels);
  if (most < 2) return '95 % interval over pictures, not over retraining';
  const several = Math.max(fewest, 2) === most ? `${most} trainings` : `${Math.max(fewest, 2)} to ${most} trainings`;
  return `95 % interval over retraining (${several})${fewest < 2 ? '; over pictures where there is one training' : ''}`;
}
