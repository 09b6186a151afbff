// Many small pictures in one file, row by row, sorted by class.

import { siteFile } from '../pictures.js';
import { slug } from '../words.js';

/**
 * @typedef {object} Sheet
 * @property {string} family
 * @property {string} file
 * @property {number} side of every picture, in pixels
 * @property {number} columns
 * @property {{ class: number, index: number }[]} pictures in the order of the sheet; `index` is the picture's number in the data set
 * @property {import('../galleries.js').Credit} credit
 */

/** @param {string} folder @param {Sheet} content @param {string[]} labels of the family @returns {import('../galleries.js').Content} */
export function sheet(folder, { family, file: name, side, columns, pictures, credit }, labels) {
  const file = siteFile(`${folder}/${name}`);
  const entries = pictures.map(({ class: type, index }, place) => ({
    type,
    name: `${labels[type]}, picture ${index}`,
    slug: slug(`${labels[type]} ${index}`),
    file,
    region: { left: side * (place % columns), top: side * Math.floor(place / columns), side },
    croppable: false,
    label: labels[type],
    credit: null,
    words: { picture: `${family}-${index}` },
  }));
  const groups = labels.map((label, index) => ({ name: label, pictures: entries.filter(({ type }) => type === index) }));
  return {
    noun: 'Class',
    picker: { form: 'thumbs', label: 'Picture' },
    groups: groups.filter(({ pictures }) => pictures.length),
    credit,
  };
}
