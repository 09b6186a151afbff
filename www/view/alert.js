// What went wrong, in a sentence, until it is dismissed or something goes right.

import { isGone } from '../renew.js';
import { find, make } from './dom.js';

const region = find('alert', HTMLElement);
/** Whether it stays until it is dismissed. */
let standing = false;
/** When it was said. */
let said = 0;

/** @param {unknown} error @param {() => void} [retry] what failed, once more */
export function complain(error, retry) {
  const words = error instanceof Error ? error.message : String(error);
  const sentence = words.replace(/^./, (first) => first.toUpperCase()).replace(/[^.!?]$/, '$&.');
  const again = () => {
    dismiss();
    retry?.();
  };
  standing = false;
  said = performance.now();
  region.replaceChildren(
    make('p', {}, sentence),
    make('div', { className: 'buttons' },
      ...(retry ? [make('button', { type: 'button', onclick: again }, 'Try again')] : []),
      ...(isGone(error) ? [make('button', { type: 'button', onclick: () => location.reload() }, 'Reload')] : []),
      make('button', { type: 'button', onclick: dismiss }, 'Dismiss')),
  );
}

/** What is no failure, so that no success makes it obsolete. @param {string} sentence */
export function remark(sentence) {
  complain(sentence);
  standing = true;
}

/** Something went right, which makes obsolete what was said before it began. @param {{ began: number }} job */
export function forgive({ began }) {
  if (!standing && said < began) dismiss();
}

/** What was remarked was about a link, or a picture, that the page has left. */
export function retract() {
  if (standing) dismiss();
}

function dismiss() {
  standing = false;
  region.replaceChildren();
}
