// The noise dial: one stop for each network of the family.

import { isOwnFile } from '../contents.js';
import { find, make } from './dom.js';
import { networkName, percent } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').ModelEntry} ModelEntry */

/** @param {(model: ModelEntry) => void} onChange */
export function dial(onChange) {
  const range = find('dial', HTMLInputElement);
  const value = find('dial-value', HTMLOutputElement);
  const words = find('dial-words', HTMLElement);
  const marks = find('dial-marks', HTMLElement);
  const label = find('dial-label', HTMLElement);
  const note = find('dial-note', HTMLElement);
  const recipe = find('dial-recipe', HTMLElement);
  /** @type {import('../../pkg/decoy.js').Family | null} */
  let family = null;

  /** @param {ModelEntry[]} models */
  function mark(models) {
    const last = models.length - 1;
    range.max = String(last);
    marks.replaceChildren(
      ...models.map((model, index) => {
        const mark = make('span', { onclick: () => choose(index) }, isOwnFile(model) ? String(index + 1) : model.sigma.toFixed(2).replace(/^0(?=\.)/, ''));
        mark.style.setProperty('--at', String(last ? index / last : 0));
        return mark;
      }),
    );
  }

  /** @param {number} index */
  function choose(index) {
    if (range.matches(':disabled') || !family) return;
    const model = family.models[index];
    show({ family, model });
    onChange(model);
  }
  range.oninput = () => choose(range.valueAsNumber);

  /** @param {{ family: import('../../pkg/decoy.js').Family, model: ModelEntry }} state the family's models are sorted by σ */
  function show({ family: shown, model }) {
    const { models } = shown;
    const own = isOwnFile(model);
    if (shown !== family) mark(models);
    family = shown;
    range.hidden = marks.hidden = models.length < 2;
    label.textContent = !own ? 'Noise in training' : range.hidden ? 'Your own network' : 'Your own networks';
    value.textContent = range.ariaValueText = networkName(model);
    const index = models.indexOf(model);
    range.value = String(index);
    for (const [place, mark] of [...marks.children].entries()) mark.classList.toggle('here', place === index);
    words.textContent = note.textContent = recipe.textContent = '';
    if (own) return; // nobody has measured it
    words.textContent = model.sigma ? 'trained with noise' : 'no noise';
    const { clean, noisy } = model.accuracy.test;
    const noise = model.sigma ? ` (${percent(noisy)} with its own noise on them)` : '';
    note.textContent = `This one names ${percent(clean)} of the pictures it was not trained on${noise}.`;
    recipe.textContent = model.recipe;
  }
  return { show };
}
