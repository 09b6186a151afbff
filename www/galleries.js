// The pictures that come with the site: every gallery in one form, whatever its kind.

import { json } from './contents.js';
import { photographs } from './kinds/photographs.js';
import { sheet } from './kinds/sheet.js';
import { turntable } from './kinds/turntable.js';

/** @typedef {import('./pictures.js').Subject} Subject */

/** @typedef {{ words: string, source: string, licence?: string }} Credit whom a picture is from, and the address where that is written */

/**
 * A picture as its kind describes it; where it stands in its gallery is added here.
 * @typedef {Omit<Subject, 'place'> & { words: Record<string, string> }} Entry `words`: what names it in a link
 */

/**
 * What a kind of gallery makes of its `gallery.json`.
 * @typedef {object} Shelf
 * @property {string} noun what is chosen first: an object, a class
 * @property {Inner | null} inner how one of its pictures is chosen; none where there is one alone
 * @property {{ name: string, pictures: Entry[] }[]} groups
 * @property {Credit | null} credit of all of them
 */

/** @typedef {{ form: 'slider', label: string, value: (index: number) => string } | { form: 'thumbs', label: string }} Inner */

/**
 * @typedef {object} Gallery
 * @property {string} family whose networks know what it shows
 * @property {string} noun
 * @property {Inner | null} inner
 * @property {{ name: string, pictures: Subject[] }[]} groups
 * @property {Credit | null} credit
 */

/**
 * @typedef {object} Galleries
 * @property {Gallery[]} here those that this copy of the site was built with, in the catalogue's order
 * @property {Map<string, string>} missing why the others are not, by family
 */

/** One module a kind: all that knows how its pictures are stored. @type {Record<string, (folder: string, content: any, labels: string[]) => Shelf>} */
const KINDS = { photographs, turntable, sheet };

/** @param {Promise<import('./contents.js').Networks>} networks @returns {Promise<Galleries>} */
export async function galleries(networks) {
  /** @type {{ galleries: { family: string, present: boolean, guest?: boolean, why?: string }[] }} */
  const { galleries: all } = await json('gallery/gallery.json');
  const here = await Promise.all(all.filter(({ present }) => present).map(({ family, guest = false }) => open(family, guest, networks)));
  const absent = all.filter(({ present }) => !present);
  return { here, missing: new Map(absent.map(({ family, why = 'This copy of the site was built without its pictures.' }) => [family, why])) };
}

/** @param {string} family @param {boolean} guest @param {Promise<import('./contents.js').Networks>} networks @returns {Promise<Gallery>} */
async function open(family, guest, networks) {
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
      pictures: pictures.map(({ words, ...picture }, index) => ({ ...picture, place: { family, guest, group, index, words } })),
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
