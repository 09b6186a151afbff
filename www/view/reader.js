// The choice of the family that classifies the user's own picture.

import { isOwn } from '../contents.js';
import { find, make } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').Family} Family */

/** @param {Family[]} families @param {(family: Family) => void} onChange */
export function readerChoice(families, onChange) {
  const fields = find('reader', HTMLFieldSetElement);
  const note = find('reader-note', HTMLElement);
  const known = families.map(offer);

  /** @param {Family} family @param {number} index */
  function offer(family, index) {
    const radio = make('input', { type: 'radio', name: 'reader', value: family.id, checked: index === 0 });
    radio.onchange = () => onChange(family);
    const label = make('label', {}, radio, ` ${family.reader}`);
    fields.append(label);
    return { family, radio, label };
  }

  return {
    family: () => known.find(({ radio }) => radio.checked)?.family ?? families[0],

    /** The choice is visible for the user's own picture, and stays for the next one. It includes the user's own network. @param {{ family: Family, visible: boolean }} state */
    show({ family, visible }) {
      if (known.every((one) => one.family !== family)) {
        const before = known.findIndex((one) => one.family.id === family.id);
        if (before >= 0) for (const { label } of known.splice(before, 1)) label.remove();
        known.push(offer(family, known.length));
      }
      fields.hidden = known.length < 2 || !visible;
      for (const one of known) if (visible || isOwn(family)) one.radio.checked = one.family === family;
      // The user's own network has been left: the next picture is for the networks of the page again.
      if (!visible && !isOwn(family)) known[0].radio.checked ||= known.some((one) => one.radio.checked && isOwn(one.family));
      note.hidden = !visible || !family.note;
      note.textContent = family.note ?? '';
    },
  };
}
