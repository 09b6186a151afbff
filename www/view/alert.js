// What went wrong, in a sentence, until it is dismissed or something goes right.

import { find, make } from './dom.js';

const region = find('alert', HTMLElement);

/** @param {unknown} error */
export function complain(error) {
  const words = error instanceof Error ? error.message : String(error);
  const sentence = words.replace(/^./, (first) => first.toUpperCase()).replace(/[^.!?]$/, '$&.');
  const dismiss = make('button', { type: 'button', onclick: forgive }, 'Dismiss');
  region.replaceChildren(make('p', {}, sentence), dismiss);
}

export function forgive() {
  region.replaceChildren();
}
