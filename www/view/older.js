// Says that a result was found with other settings than those now in the form.

import { find } from './dom.js';
import { attackWords } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').AttackOptions} AttackOptions */

const line = find('older', HTMLElement);

/**
 * @param {AttackOptions | undefined} used options of the result, if there is one @param {AttackOptions | null} now options in the form
 * @param {(name: string) => import('../../pkg/decoy.js').AttackInfo | undefined} info
 * @returns {boolean} whether they differ
 */
export function showOlder(used, now, info) {
  const differ = Boolean(used && now && JSON.stringify(used) !== JSON.stringify(now));
  line.hidden = !differ;
  if (!used || !now || !differ) return false;
  const words = (/** @type {AttackOptions} */ options) => attackWords(options, info(options.attack));
  // An empty field is NaN: the options are not complete yet.
  const wish = Object.values(now).some((value) => Number.isNaN(value)) ? 'something else' : words(now);
  line.textContent = `This was found with ${words(used)}; the settings are now ${wish}.`;
  return true;
}
