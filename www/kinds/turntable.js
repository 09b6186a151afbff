// Objects on a turntable: every object from all sides, one file for each pose.

import { siteFile } from '../pictures.js';
import { slug } from '../words.js';

/** @typedef {{ poses: number, degrees_per_pose: number, file: string }} Turntable */

/** @param {string} folder @param {Turntable} content @param {string[]} labels of the family @returns {import('../galleries.js').Content} */
export function turntable(folder, { poses, degrees_per_pose, file }, labels) {
  const degrees = (/** @type {number} */ pose) => `${pose * degrees_per_pose}°`;
  return {
    noun: 'Object',
    picker: { form: 'slider', label: 'Turn the object', value: degrees },
    credit: null,
    groups: labels.map((label, index) => {
      const object = String(index + 1);
      return {
        name: label,
        pictures: Array.from({ length: poses }, (_, pose) => ({
          name: pose ? `${label}, turned by ${degrees(pose)}` : label,
          slug: slug(pose ? `${label} ${degrees(pose)}` : label),
          file: siteFile(`${folder}/${file.replace('{object}', object).replace('{pose}', String(pose))}`),
          region: null,
          croppable: false,
          label,
          credit: null,
          words: { object, pose: String(pose) },
        })),
      };
    }),
  };
}
