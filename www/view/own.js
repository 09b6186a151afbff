// A network of one's own: its file, how it takes its pictures, and what became of it.

import { find, make } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').OwnOptions} OwnOptions */

/**
 * @param {{ onNetwork: (file: File) => void, onLabels: (file: File) => void, onChange: () => void, onLeave: () => void, onReturn: () => void }} actions
 * another file of a network or of labels, another way to take pixels, away from it, and back to it
 */
export function ownForm({ onNetwork, onLabels, onChange, onLeave, onReturn }) {
  const fields = find('own-fields', HTMLFieldSetElement);
  const normalisation = find('own-normalisation', HTMLSelectElement);
  const numbers = find('own-numbers', HTMLInputElement);
  const size = find('own-size', HTMLInputElement);
  const status = find('own-status', HTMLElement);
  const notes = find('own-notes', HTMLUListElement);
  const leave = find('own-leave', HTMLButtonElement);
  const again = find('own-return', HTMLButtonElement);

  for (const [id, take] of /** @type {const} */ ([['own-file', onNetwork], ['own-labels', onLabels]])) {
    const input = find(id, HTMLInputElement);
    input.onchange = () => {
      const file = input.files?.[0];
      input.value = ''; // so that the same file can be chosen again
      if (file) take(file);
    };
  }
  normalisation.onchange = () => {
    numbers.parentElement?.toggleAttribute('hidden', normalisation.value !== '');
    if (normalisation.value || numbers.value) onChange();
  };
  numbers.onchange = size.onchange = onChange;
  leave.onclick = onLeave;
  again.onclick = onReturn;

  return {
    /** What a person says of it, but for the labels. @returns {OwnOptions} */
    options() {
      const [height, width = height] = (size.value.match(/\d+/g) ?? []).map(Number);
      return { normalisation: normalisation.value || numbers.value, ...(height && { input_size: [height, width] }) };
    },

    /** @param {string} words @param {string[]} [told] */
    tell(words, told = []) {
      status.textContent = words;
      notes.replaceChildren(...told.map((note) => make('li', {}, note)));
    },

    /** @param {{ given: boolean, used: 'now' | 'before' | 'never', allowed: boolean }} state */
    show({ given, used, allowed }) {
      fields.hidden = !given;
      fields.disabled = !allowed;
      leave.hidden = used !== 'now';
      again.hidden = used !== 'before';
    },
  };
}
