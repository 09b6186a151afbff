// The state of the page in its address, after the #: a link opens the same picture, network and attack.

import { isOwn } from './contents.js';
import { everything } from './galleries.js';
import { isCentral } from './pictures.js';

/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('./page.js').Wish} Wish */
/** @typedef {import('./contents.js').Networks} Networks */
/** @typedef {import('./galleries.js').Gallery} Gallery */
/** @typedef {import('./pictures.js').Subject} Subject */

/**
 * The settings in the link, for the page to open with.
 * @typedef {object} Opening
 * @property {Wish} wish
 * @property {Record<string, string>} attack values by the names of `AttackOptions`, not yet checked
 * @property {boolean} run whether the attack starts automatically
 * @property {string[]} ignored parts of the link that do not exist here, in words
 */

/** @param {Wish} wish @param {AttackOptions | null} options @param {boolean} [run] whether the link starts the attack automatically */
export function write({ family, model, subject, crop }, options, run = false) {
  const words = new URLSearchParams(subject?.place?.words);
  if (subject?.place && subject.croppable && crop && !isCentral(family, crop, subject)) words.set('crop', [crop.left, crop.top, crop.side].map((value) => +value.toFixed(1)).join(','));
  if (!isOwn(family)) words.set('model', model.id);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value !== undefined && !Number.isNaN(value)) words.set(name, String(value));
  }
  // A comma needs no escape in an address.
  return `#${words}${run ? '&run' : ''}`.replaceAll('%2C', ',');
}

/**
 * @param {string} hash @param {Networks} networks @param {Gallery[]} galleries
 * @returns {Opening}
 */
export function read(hash, { families }, galleries) {
  const words = new URLSearchParams(hash.slice(1));
  /** @type {string[]} */
  const ignored = [];
  const pictures = galleries.flatMap(everything);
  const named = pictureNamed(words, pictures);
  const crop = asked(words, 'crop', 'the crop', square, ignored) ?? null;
  const family = families.find(({ id }) => id === named?.place?.family)
    ?? families.find(({ models }) => models.some(({ id }) => id === words.get('model')))
    ?? families[0];
  const model = asked(words, 'model', 'the network', (id) => family.models.find((entry) => entry.id === id), ignored) ?? family.models[0];
  const subject = named ?? pictures.find(({ place }) => place?.family === family.id) ?? null;
  /** Parameters that name pictures; all others belong to the attack. */
  const names = new Set(pictures.flatMap(({ place }) => Object.keys(place?.words ?? {})));
  for (const name of names) {
    const text = words.get(name);
    if (text !== null && text !== subject?.place?.words[name]) ignored.push(`the ${name} “${text}”`);
  }
  return {
    wish: { family, model, subject, crop: subject?.croppable ? crop : null },
    attack: Object.fromEntries([...words].filter(([name]) => !names.has(name) && !['crop', 'model', 'run'].includes(name))),
    run: words.has('run'),
    ignored,
  };
}

/** The picture whose parameters are all in the link, or else the first one with its first parameter there. @param {URLSearchParams} words @param {Subject[]} pictures */
function pictureNamed(words, pictures) {
  const agrees = (/** @type {[string, string]} */ [name, value]) => words.get(name) === value;
  const named = (/** @type {Subject} */ { place }) => Object.entries(place?.words ?? {});
  return pictures.find((picture) => named(picture).every(agrees)) ?? pictures.find((picture) => named(picture).slice(0, 1).every(agrees));
}

/**
 * A value of the link, as parsed by `understand`; undefined, and listed in `ignored`, if it is not understood.
 * @template T
 * @param {URLSearchParams} words @param {string} name @param {string} meaning @param {(text: string) => T | null | undefined} understand @param {string[]} ignored
 * @returns {T | undefined}
 */
function asked(words, name, meaning, understand, ignored) {
  const text = words.get(name);
  if (text === null) return undefined;
  const value = understand(text);
  if (value === null || value === undefined) ignored.push(`${meaning} “${text}”`);
  return value ?? undefined;
}

/** @param {string} text @returns {Crop | null} */
function square(text) {
  const values = text.split(',').map(Number);
  const [left, top, side] = values;
  return values.length === 3 && values.every(Number.isFinite) && left >= 0 && top >= 0 && side >= 1 ? { left, top, side } : null;
}
