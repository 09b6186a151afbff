// The user's own networks: their files, their input format, and whether they could be read.

import { find, make, write } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').OwnOptions} OwnOptions */

/**
 * @param {{ onNetwork: (files: File[]) => void, onLabels: (files: File[]) => void, onChange: () => void, onKeep: (wanted: boolean) => void, onLeave: () => void, onReturn: () => void }} actions
 * called for the files of a new network, a file of labels, a changed input format, whether the browser shall keep the networks,
 * leaving the networks, and returning to them
 */
export function ownForm({ onNetwork, onLabels, onChange, onKeep, onLeave, onReturn }) {
  const fields = find('own-fields', HTMLFieldSetElement);
  const normalisation = find('own-normalisation', HTMLSelectElement);
  const numbers = find('own-numbers', HTMLInputElement);
  const size = find('own-size', HTMLInputElement);
  const status = find('own-status', HTMLElement);
  const list = find('own-notes', HTMLUListElement);
  const keep = find('own-keep', HTMLInputElement);
  const leave = find('own-leave', HTMLButtonElement);
  const again = find('own-return', HTMLButtonElement);

  for (const [id, take] of /** @type {const} */ ([['own-file', onNetwork], ['own-labels', onLabels]])) {
    const input = find(id, HTMLInputElement);
    input.onchange = () => {
      const files = [...input.files ?? []];
      input.value = ''; // so that the same file can be chosen again
      if (files.length > 0) take(files);
    };
  }
  const showNumbers = () => numbers.parentElement?.toggleAttribute('hidden', normalisation.value !== '');
  normalisation.onchange = () => {
    showNumbers();
    if (normalisation.value || numbers.value) onChange();
  };
  numbers.onchange = size.onchange = onChange;
  keep.onchange = () => onKeep(keep.checked);
  leave.onclick = onLeave;
  again.onclick = onReturn;

  return {
    /** The user's settings for it, except the labels. @returns {OwnOptions} */
    options() {
      // The module takes numbers of 32 bits, and says of such large ones that they are too large.
      const [height, width = height] = (size.value.match(/\d+/g) ?? []).map((digits) => Math.min(Number(digits), 2 ** 31));
      return { normalisation: normalisation.value || numbers.value, ...(height && { input_size: [height, width] }) };
    },

    /** Restores the user's earlier settings. @param {OwnOptions} options */
    restore({ normalisation: how = 'none', input_size }) {
      const listed = [...normalisation.options].some(({ value }) => value === how);
      normalisation.value = listed ? how : '';
      numbers.value = listed ? '' : how;
      size.value = input_size?.join('×') ?? '';
      showNumbers();
    },

    keeps: () => keep.checked,

    /** @param {boolean} on */
    keep(on) {
      keep.checked = on;
    },

    /** @param {{ given: boolean, used: 'now' | 'before' | 'never', kept: string[], allowed: boolean, status: string, notes: string[] }} state `kept`: the names of the stored networks */
    show({ given, used, kept, allowed, status: words, notes }) {
      fields.hidden = !given;
      fields.disabled = !allowed;
      const focused = [leave, again].find((button) => button === document.activeElement);
      leave.hidden = used !== 'now';
      again.hidden = used !== 'before' && !kept.length;
      if (focused?.hidden) [leave, again].find((button) => !button.hidden)?.focus({ preventScroll: true });
      again.textContent = kept.length ? `Use ${kept.join(' and ')} again` : 'Use it again';
      write(status, words);
      list.replaceChildren(...notes.map((note) => make('li', {}, note)));
    },
  };
}
