// The buttons of the experiment, and the fields that are closed while a job runs.

import { find } from './dom.js';

/** @param {{ onFool: () => void, onLonger: () => void, onCancel: () => void }} actions */
export function controls({ onFool, onLonger, onCancel }) {
  const fool = find('fool', HTMLButtonElement);
  const cancel = find('cancel', HTMLButtonElement);
  const longer = find('longer', HTMLButtonElement);
  const fields = (/** @type {string[]} */ ...names) => names.map((name) => find(`${name}-fields`, HTMLFieldSetElement));
  const [pictureFields, attackFields] = [fields('picture', 'dial'), fields('attack', 'aim')];

  fool.onclick = onFool;
  longer.onclick = onLonger;
  cancel.onclick = onCancel;
  document.addEventListener('keydown', ({ key, defaultPrevented }) => {
    if (key === 'Escape' && !defaultPrevented && !cancel.hidden) onCancel();
  });

  return {
    /** @param {import('../page.js').Page} page @param {ReturnType<typeof import('./attack.js').attackForm>} form */
    show(page, form) {
      const { job, result, wanted } = page;
      const focused = [cancel, longer].find((button) => button === document.activeElement);
      cancel.hidden = job?.kind !== 'attack' && job?.kind !== 'classify';
      cancel.classList.toggle('late', job?.kind === 'classify');
      longer.hidden = job !== null || !result || result.stopped !== undefined || !form.improves(result.outcome.report.success);
      fool.disabled = wanted.subject === null || !page.allows('attack');
      if (focused?.hidden) fool.focus();
      for (const field of pictureFields) field.disabled = !page.allows('classify');
      for (const field of attackFields) field.disabled = !form.ready() || !page.allows('settings');
    },
  };
}
