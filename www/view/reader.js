// Which network reads a picture of one's own.

import { find, make } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').Family} Family */

/** @param {Family[]} families @param {(family: Family) => void} onChange */
export function readerChoice(families, onChange) {
  const fields = find('reader', HTMLFieldSetElement);
  const note = find('reader-note', HTMLElement);
  const radios = families.map((family, index) => {
    const radio = make('input', { type: 'radio', name: 'reader', value: family.id, checked: index === 0 });
    radio.onchange = () => onChange(family);
    fields.append(make('label', {}, radio, ` ${family.reader}`));
    return radio;
  });

  return {
    family: () => families[radios.findIndex((radio) => radio.checked)],

    /** The choice is there where there is one: at an own picture, and where another family than the first is looked at. @param {Family} family @param {boolean} own */
    show(family, own) {
      fields.hidden = families.length < 2 || (!own && family === families[0]);
      if (own || fields.hidden) for (const radio of radios) radio.checked = radio.value === family.id;
      note.hidden = !own || !family.note;
      note.textContent = family.note ?? '';
    },
  };
}
