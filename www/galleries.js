// The pictures that come with the site: all kinds of galleries in the same form.

import { json } from './contents.js';
import { photographs } from './kinds/photographs.js';
import { sheet } from './kinds/sheet.js';
import { turntable } from './kinds/turntable.js';

/** @typedef {import('./pictures.js').Subject} Subject */

/** @typedef {{ words: string, source: string, licence?: string }} Credit the author of a picture, and the address of the source */

/**
 * A picture as its kind of gallery describes it; its place in the gallery is added here.
 * @typedef {Omit<Subject, 'place'> & { words: Record<string, string> }} Entry `words`: its parameters in a link
 */

/**
 * The content of a `gallery.json`, as read by its kind of gallery.
 * @typedef {object} Content
 * @property {string} noun the name of a group: an object, a class
 * @property {Picker | null} picker how a picture of a group is chosen; null where a group has only one
 * @property {{ name: string, pictures: Entry[] }[]} groups
 * @property {Credit | null} credit of all pictures
 */

/** @typedef {{ form: 'slider', label: string, value: (index: number) => string } | { form: 'thumbs', label: string }} Picker */

/**
 * @typedef {object} Gallery
 * @property {string} family whose networks are trained for these pictures
 * @property {string} noun
 * @property {Picker | null} picker
 * @property {{ name: string, pictures: Subject[] }[]} groups
 * @property {Credit | null} credit
 */

/**
 * @typedef {object} Galleries
 * @property {Gallery[]} here the galleries in this build of the site, in the order of the catalogue
 * @property {Map<string, string>} missing the reasons why the others are missing, by family
 */

/** One module for each kind of gallery: only it knows how the pictures are stored. @type {Record<string, (folder: string, content: any, labels: string[]) => Content>} */
const KINDS = { photographs, turntable, sheet };

/** @param {Promise<import('./contents.js').Networks>} networks @returns {Promise<Galleries>} */
export async function fetchGalleries(networks) {
  /** @type {{ galleries: { family: string, present: boolean, external?: boolean, why?: string }[] }} */
  const { galleries: all } = await json('gallery/gallery.json');
  const here = await Promise.all(all.filter(({ present }) => present).map(({ family, external = false }) => open(family, external, networks)));
  const absent = all.filter(({ present }) => !present);
  return { here, missing: new Map(absent.map(({ family, why = 'This copy of the site was built without its pictures.' }) => [family, why])) };
}

/** @param {string} family @param {boolean} external @param {Promise<import('./contents.js').Networks>} networks @returns {Promise<Gallery>} */
async function open(family, external, networks) {
  const folder = `gallery/${family}`;
  const [content, { families }] = await Promise.all([json(`${folder}/gallery.json`), networks]);
  const kind = KINDS[content.kind];
  if (!kind) throw new Error(`The file ${folder}/gallery.json is of the kind “${content.kind}”; this page knows ${Object.keys(KINDS).join(', ')}.`);
  const { groups, ...rest } = kind(folder, content, families.find(({ id }) => id === family)?.labels ?? []);
  return {
    family,
    ...rest,
    groups: groups.map(({ name, pictures }, group) => ({
      name,
      pictures: pictures.map(({ words, ...picture }, index) => ({ ...picture, place: { family, external, group, index, words } })),
    })),
  };
}

/** Every picture of a gallery, in its order. @param {Gallery} gallery */
export const everything = ({ groups }) => groups.flatMap(({ pictures }) => pictures);

/** This many pictures of a gallery, or all, spread evenly over it. @param {Gallery} gallery @param {number} count */
export function spread(gallery, count) {
  const all = everything(gallery);
  const taken = Math.min(count, all.length);
  return Array.from({ length: taken }, (_, index) => all[Math.floor(((index + 0.5) * all.length) / taken)]);
}
