// The authors of the site's pictures.

import { everything } from '../galleries.js';
import { find, make } from './dom.js';

/** @typedef {import('../galleries.js').Credit} Credit */

/** A credit in one line. @param {Credit | null} credit @param {string} name of the picture, if the credit is for one picture only */
export function byline(credit, name) {
  if (!credit) return [];
  const { words, source, licence } = credit;
  return [name && `${name}: `, make('a', { href: source, rel: 'noreferrer' }, words), licence ? `, ${licence}` : ''];
}

/** Lists all credits at the foot of the page. @param {import('../galleries.js').Gallery[]} galleries */
export function listCredits(galleries) {
  const lines = galleries.flatMap((gallery) => [
    ...(gallery.credit ? [byline(gallery.credit, '')] : []),
    ...everything(gallery).flatMap(({ credit, name }) => (credit ? [byline(credit, name)] : [])),
  ]);
  find('credits', HTMLElement).hidden = lines.length === 0;
  find('credit-list', HTMLElement).replaceChildren(...lines.map((line) => make('li', {}, ...line)));
}
