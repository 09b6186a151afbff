// That a result was found with another attack than the form now says.

import { find } from './dom.js';
import { attackWords } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').AttackOptions} AttackOptions */

const line = find('older', HTMLElement);

/**
 * @param {AttackOptions | undefined} found what the result was found with, if there is one @param {AttackOptions | null} now what the form says
 * @param {(name: string) => import('../../pkg/decoy.js').AttackInfo | undefined} info
 * @returns {boolean} whether they differ
 */
export function showOlder(found, now, info) {
  const differ = Boolean(found && now && JSON.stringify(found) !== JSON.stringify(now));
  line.hidden = !differ;
  if (!found || !now || !differ) return false;
  const words = (/** @type {AttackOptions} */ options) => attackWords(options, info(options.attack));
  // A field that is empty says nothing yet.
  const wish = Object.values(now).some((value) => Number.isNaN(value)) ? 'something else' : words(now);
  line.textContent = `This was found with ${words(found)}; the form now says ${wish}.`;
  return true;
}
