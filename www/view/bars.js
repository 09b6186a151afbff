// Predictions as bars with percentages.

import { make } from './dom.js';
import { percent } from '../words.js';

/**
 * @param {HTMLElement} list
 * @param {import('../../pkg/decoy.js').Prediction[]} predictions most probable first
 * @param {{ before: number, after?: number }} classes predicted before and after the attack: each has its colour in both lists
 */
export function bars(list, predictions, { before, after }) {
  list.replaceChildren(
    ...predictions.slice(0, 5).map((prediction) => {
      const fill = make('div', { className: 'fill' });
      fill.style.width = `${100 * prediction.probability}%`;
      const item = make('li', {},
        make('span', { className: 'name' }, prediction.label), ' ',
        make('span', { className: 'share' }, percent(prediction.probability)),
        make('div', { className: 'track' }, fill));
      if (prediction.class === before) item.className = 'is-before';
      if (prediction.class === after) item.className = 'is-after';
      return item;
    }),
  );
}
