// The predictions of the other networks of the dial for the picture that fools this one: a line for each.

import { find, make, swap, write } from './dom.js';
import { networkName, percent } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').Prediction} Prediction */
/** @typedef {import('../../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {{ before: Prediction, after: Prediction }} Seen predictions for the original and the adversarial picture */

/** @param {() => void} onStart @param {() => void} onCancel */
export function otherNetworks(onStart, onCancel) {
  const root = find('others', HTMLElement);
  const start = find('others-start', HTMLButtonElement);
  const cancel = find('others-cancel', HTMLButtonElement);
  const status = find('others-status', HTMLElement);
  const list = find('others-list', HTMLUListElement);
  start.onclick = onStart;
  cancel.onclick = onCancel;

  /** @param {Seen | undefined} seen @param {boolean} made whether the picture was made for this network @param {boolean} waiting whether its answer is still to come */
  function answer(seen, made, waiting) {
    if (!seen) return waiting ? '…' : 'not asked';
    const { before, after } = seen;
    const sees = `“${after.label}”, ${percent(after.probability)} sure`;
    if (made) return `${sees}. The picture was made for this one.`;
    return after.class === before.class ? `Not fooled: ${sees}.` : `Fooled too: “${before.label}” is ${sees}.`;
  }

  return {
    /** @param {{ visible: boolean, running: boolean, allowed: boolean, status: string, models: ModelEntry[], made: ModelEntry | null, seen: Map<string, Seen> | null }} state `made`: the network that the picture was made for */
    show({ visible, running, allowed, status: words, models, made, seen }) {
      root.hidden = !visible;
      start.disabled = !allowed;
      swap(start, cancel, running);
      write(status, words);
      list.replaceChildren(...(seen ? models : []).map((model) => make('li', {}, make('strong', {}, networkName(model)), ` ${answer(seen?.get(model.id), model === made, running)}`)));
    },
  };
}
