// Which network reads a picture of one's own.

import { find } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').Family} Family */

/** @param {Family[]} families @param {(family: Family) => void} onChange */
export function readerChoice(families, onChange) {
  const fields = find('reader', HTMLFieldSetElement);
  const radios = [...fields.querySelectorAll('input')];
  const chosen = () => families.find(({ id }) => radios.some((radio) => radio.checked && radio.value === id)) ?? families[0];
  for (const radio of radios) radio.onchange = () => onChange(chosen());

  return {
    family: chosen,

    /** The choice is there where there is one: at an own picture, and at the objects. @param {Family} family @param {boolean} own */
    show(family, own) {
      fields.hidden = !own && family === families[0];
      if (own || fields.hidden) for (const radio of radios) radio.checked = radio.value === family.id;
      find('toy-note', HTMLElement).hidden = !own || family === families[0];
    },
  };
}
