// The noise dial: one stop for each network of the family.

import { find, make } from './dom.js';
import { percent, sigma } from './words.js';

/** @typedef {import('../../pkg/decoy.js').ModelEntry} ModelEntry */

/** @param {(model: ModelEntry) => void} onChange */
export function dial(onChange) {
  const range = find('dial', HTMLInputElement);
  const value = find('dial-value', HTMLOutputElement);
  const note = find('dial-note', HTMLElement);
  const recipe = find('dial-recipe', HTMLElement);
  /** @type {ModelEntry[]} */
  let stops = [];

  /** @param {ModelEntry[]} models */
  function mark(models) {
    stops = models;
    const last = models.length - 1;
    range.max = String(last);
    find('dial-marks', HTMLElement).replaceChildren(
      ...models.map((model, index) => {
        const mark = make('span', {}, model.sigma.toFixed(2).replace(/^0(?=\.)/, ''));
        mark.style.setProperty('--at', String(last ? index / last : 0));
        return mark;
      }),
    );
  }
  range.oninput = () => {
    const model = stops[range.valueAsNumber];
    show(stops, model);
    onChange(model);
  };

  /** @param {ModelEntry[]} models by rising σ @param {ModelEntry} model */
  function show(models, model) {
    if (models !== stops) mark(models);
    range.value = String(models.indexOf(model));
    range.ariaValueText = sigma(model.sigma);
    value.textContent = sigma(model.sigma);
    const { clean, noisy } = model.accuracy.test;
    const own = model.sigma ? ` (${percent(noisy)} with its own noise on them)` : '';
    note.textContent = `This one names ${percent(clean)} of the pictures it was not trained on${own}.`;
    recipe.textContent = model.recipe;
  }
  return { show };
}
