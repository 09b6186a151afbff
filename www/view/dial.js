// The noise dial: one stop for each network of the family.

import { find, make } from './dom.js';
import { percent, sigma } from './words.js';

/**
 * @param {import('../../pkg/decoy.js').ModelEntry[]} models by rising σ
 * @param {(model: import('../../pkg/decoy.js').ModelEntry) => void} onChange
 */
export function dial(models, onChange) {
  const range = find('dial', HTMLInputElement);
  const value = find('dial-value', HTMLOutputElement);
  const note = find('dial-note', HTMLElement);
  const last = models.length - 1;

  find('dial-marks', HTMLElement).replaceChildren(
    ...models.map((model, index) => {
      const mark = make('span', {}, model.sigma.toFixed(2).replace(/^0(?=\.)/, ''));
      mark.style.setProperty('--at', String(last ? index / last : 0));
      return mark;
    }),
  );
  range.max = String(last);
  range.oninput = () => {
    const model = models[range.valueAsNumber];
    show(model);
    onChange(model);
  };

  /** @param {import('../../pkg/decoy.js').ModelEntry} model */
  function show(model) {
    range.value = String(models.indexOf(model));
    range.ariaValueText = sigma(model.sigma);
    value.textContent = sigma(model.sigma);
    note.textContent = `This one names ${percent(model.accuracy.test.clean)} of the clean pictures it was not trained on.`;
  }
  return { show };
}
