// An error message, shown until it is dismissed or a later job succeeds.

import { isGone } from '../renew.js';
import { find, make } from './dom.js';

const region = find('alert', HTMLElement);
/** Whether the message stays until it is dismissed. */
let sticky = false;
/** When the message was shown, as `performance.now()`. */
let shownAt = 0;

/** @param {unknown} error @param {() => void} [retry] repeats what failed */
export function complain(error, retry) {
  const words = error instanceof Error ? error.message : String(error);
  const sentence = words.replace(/^./, (first) => first.toUpperCase()).replace(/[^.!?]$/, '$&.');
  const again = () => {
    dismiss();
    retry?.();
  };
  sticky = false;
  shownAt = performance.now();
  region.replaceChildren(
    make('p', {}, sentence),
    make('div', { className: 'buttons' },
      ...(retry ? [make('button', { type: 'button', onclick: again }, 'Try again')] : []),
      ...(isGone(error) ? [make('button', { type: 'button', onclick: () => location.reload() }, 'Reload')] : []),
      make('button', { type: 'button', onclick: dismiss }, 'Dismiss')),
  );
}

/** Shows a remark that is not a failure: it stays even after a success. @param {string} sentence */
export function remark(sentence) {
  complain(sentence);
  sticky = true;
}

/** Called after a success: removes an error from before the job began. @param {{ began: number }} job */
export function dismissErrorBefore({ began }) {
  if (!sticky && shownAt < began) dismiss();
}

/** Removes a remark, after the page has left the link or picture it was about. */
export function dismissRemark() {
  if (sticky) dismiss();
}

function dismiss() {
  sticky = false;
  const focused = region.contains(document.activeElement);
  region.replaceChildren();
  if (focused) find('fool', HTMLButtonElement).focus({ preventScroll: true });
}
