// On a narrow screen only one of the three pictures is visible: choose it by name, or tap for the next one.

import { find } from './dom.js';

/** @typedef {'original' | 'difference' | 'adversarial'} Frame */

export function frames() {
  const root = find('pictures', HTMLElement);
  const radios = [...root.querySelectorAll('input')].filter(({ name }) => name === 'frame');

  for (const frame of root.querySelectorAll('.frame')) {
    frame.addEventListener('click', () => {
      if (frame.classList.contains('choosing')) return; // a rectangle is being drawn on it
      const index = radios.findIndex(({ checked }) => checked);
      radios[(index + 1) % radios.length].checked = true;
    });
  }

  return {
    /** @param {Frame} frame */
    show(frame) {
      for (const radio of radios) radio.checked = radio.value === frame;
    },
  };
}
