// Single photographs, each with its author; their classes are not known.

import { siteFile } from '../pictures.js';
import { slug } from '../words.js';

/** @typedef {{ id: string, title: string, file: string, credit: string, licence: string, source: string }} Photo */

/** @param {string} folder @param {{ photos: Photo[] }} content @returns {import('../galleries.js').Content} */
export const photographs = (folder, { photos }) => ({
  noun: 'Photograph',
  picker: null,
  credit: null,
  groups: photos.map(({ id, title, file, credit, licence, source }) => ({
    name: title,
    pictures: [{
      name: title,
      slug: slug(id),
      file: siteFile(`${folder}/${file}`),
      region: null,
      croppable: true,
      label: null,
      credit: { words: credit, licence, source },
      words: { picture: id },
    }],
  })),
});
