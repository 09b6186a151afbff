// The choice of the device, and the device that is really used.

import { find } from './dom.js';

const select = find('device', HTMLSelectElement);

export const chosenDevice = () => /** @type {import('../bridge.js').DeviceChoice} */ (select.value);

/** @param {() => void} onChoice another device was chosen */
export function deviceField(onChoice) {
  const line = find('device-report', HTMLElement);
  select.onchange = onChoice;
  return {
    choice: chosenDevice,

    /** @param {import('../bridge.js').DeviceChoice} choice */
    choose(choice) {
      select.value = choice;
    },

    /** @param {string} words */
    report(words) {
      line.textContent = words;
    },
  };
}
