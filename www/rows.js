// The page's figures as rows: one for each attack on a picture, each network, or each network and size of a change.

import { MEASURES } from './robustness.js';
import { isOwnFile } from './contents.js';

/** @typedef {import('./data.js').Row} Row */
/** @typedef {import('./page.js').Trial} Trial */
/** @typedef {import('./robustness.js').Evaluation} Evaluation */
/** @typedef {import('./robustness.js').Measure} Measure */

const NAMES = /** @type {Measure[]} */ (Object.keys(MEASURES));

/** The result to show: that of the 8-bit picture; if rounding undoes the attack, that of the picture before rounding. @param {Trial['report']} report */
export const shownResult = (report) => (report.success && !report.eight_bit.success ? { ...report.adversarial, norms: report.norms } : report.eight_bit);

/** @param {Trial} trial @returns {Row} */
export function trialRow({ options: { attack, norm: _, target, sure, region, ...parameters }, model, report }) {
  const { label, probability, norms } = shownResult(report);
  return {
    attack,
    norm: report.norm,
    parameters: Object.entries(parameters).map(([name, value]) => `${name}=${value}`).join(' '),
    target,
    sure,
    region,
    network: report.model,
    sigma: isOwnFile(model) ? null : model.sigma,
    fooled: report.success,
    before: report.original.label,
    after: label,
    probability,
    l2: norms.l2,
    linf: norms.linf,
    l1: norms.l1,
    l0: norms.l0,
    forward_passes: report.passes.forward,
    backward_passes: report.passes.backward,
    milliseconds: report.milliseconds,
  };
}

/** Null means infinite if the attack failed on some pictures, else unknown. @param {number | null} value @param {number} failures */
const known = (value, failures) => value ?? (failures ? Infinity : null);

/** @param {Record<Measure, import('./robustness.js').Interval>} intervals @param {number} failures @returns {Row} */
const measures = (intervals, failures) => Object.fromEntries(NAMES.flatMap((name) => {
  const { value, low, high } = intervals[name];
  return [[name, known(value, failures)], [`${name}_low`, low], [`${name}_high`, value === null || high !== null ? known(high, failures) : null]];
}));

/** @param {Evaluation} evaluation @returns {Row[]} */
export const levelRows = ({ networks, attack, pictures, limit, levels }) => levels.map((level) => {
  const failures = level.trainings.reduce((sum, training) => sum + training.failures, 0);
  return {
    networks,
    sigma: level.sigma,
    attack: attack.attack,
    steps: Number(attack.steps),
    pictures,
    trainings: level.trainings.length,
    right: level.clean,
    right_under_noise: level.noisy,
    not_fooled: failures,
    ...measures(level, failures),
    predicted_l2: level.predicted?.value,
    predicted_l2_low: level.predicted?.low,
    predicted_l2_high: level.predicted?.high,
    limit_l2: limit,
  };
});

/** @param {Evaluation} evaluation @returns {Row[]} */
export const shareRows = ({ networks, attack, radii, levels }) => levels.flatMap(({ sigma, read }) =>
  radii.map((radius, index) => ({ networks, sigma, attack: attack.attack, steps: Number(attack.steps), l2: radius, read_correctly: read[index] })));

/** @param {import('./page.js').MeasuredHere} measured @returns {Row[]} */
export const sweepRows = ({ options: { attack, norm, steps }, points }) => points.map(({ model, sigma, summary }) => ({
  network: model,
  sigma,
  attack,
  norm,
  steps: steps === undefined ? null : Number(steps),
  pictures: summary.images,
  wrong_already: summary.clean_errors,
  not_fooled: summary.failures,
  ...measures(summary, summary.failures),
}));
