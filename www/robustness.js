// The measured results that come with the site, and what the chart takes from them.

import { json } from './contents.js';

/** @typedef {import('../pkg/decoy.js').Summary} Summary */
/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {{ model: string, sigma: number, seed: number, summary: Summary }} Measured */
/** @typedef {{ file: string, family: string, attack: AttackOptions, split: 'all' | 'test', models: Measured[] }} Evaluation */
/** @typedef {{ sigma: number, value: number, low: number, high: number }} Point infinite where too many pictures were not fooled, not a number where none was attacked */
/** @typedef {'mean_l2' | 'median_l2' | 'mean_linf' | 'median_linf'} Measure */

/** @type {Record<Measure, { words: string, axis: string, norm: 'l2' | 'linf' }>} */
export const MEASURES = {
  mean_l2: { words: 'mean ‖Δx‖₂', axis: '‖Δx‖₂', norm: 'l2' },
  median_l2: { words: 'median ‖Δx‖₂', axis: '‖Δx‖₂', norm: 'l2' },
  mean_linf: { words: 'mean ‖Δx‖∞', axis: '‖Δx‖∞', norm: 'linf' },
  median_linf: { words: 'median ‖Δx‖∞', axis: '‖Δx‖∞', norm: 'linf' },
};

/** @returns {Promise<Evaluation[]>} of every family */
export async function evaluations() {
  const { evaluations: files } = await json('robustness/index.json');
  return Promise.all(files.map(async (/** @type {string} */ file) => ({ file, ...(await json(`robustness/${file}`)) })));
}

/** @param {{ sigma: number, summary: Summary }[]} measured @param {Measure} measure @returns {Point[]} */
export function curve(measured, measure) {
  return measured
    .map(({ sigma, summary }) => {
      const absent = summary.failures ? Infinity : NaN;
      const { value, low, high } = summary[measure];
      return { sigma, value: value ?? absent, low: low ?? absent, high: high ?? absent };
    })
    .sort((a, b) => a.sigma - b.sigma);
}

/** The networks that the page can load, else the first seed. @param {Evaluation} evaluation @param {Set<string>} shipped */
export function mainModels({ models }, shipped) {
  const here = models.filter(({ model }) => shipped.has(model));
  return here.length ? here : models.filter(({ seed }) => seed === models[0]?.seed);
}

/**
 * The same attack on networks trained from other random starts.
 * @param {Evaluation} chosen @param {Evaluation[]} all @param {Set<string>} shipped
 * @returns {Map<string, Measured[]>} by file and seed
 */
export function otherSeeds(chosen, all, shipped) {
  const main = new Set(mainModels(chosen, shipped));
  const same = all.filter((evaluation) => JSON.stringify(evaluation.attack) === JSON.stringify(chosen.attack));
  /** @type {Map<string, Measured[]>} */
  const seeds = new Map();
  for (const { file, models } of same) {
    for (const measured of models) {
      if (main.has(measured) || shipped.has(measured.model)) continue;
      const key = `${file} ${measured.seed}`;
      seeds.set(key, [...(seeds.get(key) ?? []), measured]);
    }
  }
  return seeds;
}
