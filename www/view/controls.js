// The buttons of the experiment, and the fields that are closed while a job runs.

import { find } from './dom.js';

/** @param {{ onFool: () => void, onLonger: () => void, onCancel: () => void }} actions */
export function controls({ onFool, onLonger, onCancel }) {
  const fool = find('fool', HTMLButtonElement);
  const cancel = find('cancel', HTMLButtonElement);
  const longer = find('longer', HTMLButtonElement);
  const choice = find('device', HTMLSelectElement);
  const fields = (/** @type {string[]} */ ...names) => names.map((name) => find(`${name}-fields`, HTMLFieldSetElement));
  const [pictureFields, attackFields] = [fields('picture', 'dial'), fields('attack', 'aim')];

  fool.onclick = onFool;
  longer.onclick = onLonger;
  cancel.onclick = onCancel;
  document.addEventListener('keydown', ({ key, defaultPrevented }) => {
    if (key === 'Escape' && !defaultPrevented && !cancel.hidden) onCancel();
  });

  return {
    /**
     * @param {{ cancel: boolean, late: boolean, longer: boolean } & Record<'attack' | 'classify' | 'settings' | 'device', boolean>} state
     * which buttons are visible, `late`: not at once; and what is allowed
     */
    show({ late, attack, classify, settings, device, ...visible }) {
      const focused = [cancel, longer].find((button) => button === document.activeElement);
      cancel.hidden = !visible.cancel;
      cancel.classList.toggle('late', late);
      longer.hidden = !visible.longer;
      fool.disabled = !attack;
      if (focused?.hidden) fool.focus();
      for (const field of pictureFields) field.disabled = !classify;
      for (const field of attackFields) field.disabled = !settings;
      choice.disabled = !device;
    },
  };
}
