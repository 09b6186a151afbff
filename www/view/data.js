// Two buttons that save figures as CSV and as JSON.

import { csv, json } from '../data.js';
import { find, make } from './dom.js';

/** @typedef {import('../data.js').Row} Row */

/**
 * @param {string} place id of the element for the buttons @param {string} what the figures in a few words, for screen readers
 * @param {string} name of the files @param {() => Row[]} rows called when a button is pressed
 */
export function dataButtons(place, what, name, rows) {
  const save = (/** @type {string} */ ending, /** @type {string} */ type, /** @type {(rows: Row[]) => string} */ write) => make('button', {
    type: 'button',
    className: 'small',
    ariaLabel: `Save ${what} as ${ending.toUpperCase()}`,
    onclick() {
      const address = URL.createObjectURL(new Blob([write(rows())], { type }));
      make('a', { href: address, download: `${name}.${ending}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    },
  }, ending.toUpperCase());
  const root = find(place, HTMLElement);
  root.append(make('span', { className: 'note' }, 'Save as '), save('csv', 'text/csv', csv), ' ', save('json', 'application/json', json));
  return {
    /** @param {{ visible: boolean }} state */
    show({ visible }) {
      root.hidden = !visible;
    },
  };
}
