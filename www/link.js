// The state of the page in its address, after the #: a link opens the same picture, network and attack.

import { object, photograph } from './pictures.js';

/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('./page.js').Wish} Wish */
/** @typedef {import('./contents.js').Networks} Networks */
/** @typedef {import('./contents.js').Galleries} Galleries */
/** @typedef {import('./pictures.js').Subject} Subject */

/**
 * What the page opens with, and what the link asks for.
 * @typedef {object} Opening
 * @property {Wish} wish
 * @property {Record<string, string>} attack by the names of `AttackOptions`, still to be checked
 * @property {string[]} ignored what the link asks for that is not there, in words
 */

/** What a picture and a network are named by; all else is the attack's. */
const PLACE = ['picture', 'crop', 'object', 'pose', 'model'];

/** @param {Wish} wish @param {AttackOptions | null} options */
export function write({ model, subject, crop }, options) {
  const words = new URLSearchParams();
  if (subject?.photo) words.set('picture', subject.photo.id);
  if (subject?.photo && crop && !central(crop, subject)) words.set('crop', [crop.left, crop.top, crop.side].map((value) => +value.toFixed(1)).join(','));
  if (subject?.view) {
    words.set('object', String(subject.view.object));
    words.set('pose', String(subject.view.pose));
  }
  words.set('model', model.id);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value !== undefined && !Number.isNaN(value)) words.set(name, String(value));
  }
  // A comma may stand in an address as it is.
  return `#${words}`.replaceAll('%2C', ',');
}

/** @param {Crop} crop @param {Subject} subject */
function central({ left, top, side }, { opened }) {
  if (!opened) return false;
  const { width, height } = opened;
  const near = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) <= 1;
  return near(side, Math.min(width, height)) && near(left, (width - side) / 2) && near(top, (height - side) / 2);
}

/**
 * @param {string} hash @param {Networks} networks @param {Galleries} galleries
 * @returns {Opening}
 */
export function read(hash, { families }, { photos, objects }) {
  const words = new URLSearchParams(hash.slice(1));
  /** @type {string[]} */
  const ignored = [];
  const named = asked(words, 'picture', 'the picture', (id) => photos?.photos.find((photo) => photo.id === id), ignored);
  const object_ = asked(words, 'object', 'the object', (text) => whole(text, 1, objects?.labels.length ?? 0), ignored);
  const pose = asked(words, 'pose', 'the pose', (text) => whole(text, 0, (objects?.poses ?? 0) - 1), ignored) ?? 0;
  const crop = asked(words, 'crop', 'the crop', square, ignored) ?? null;
  const family = families.find(({ id }) => id === (named ? photos?.family : object_ ? objects?.family : undefined))
    ?? families.find(({ models }) => models.some(({ id }) => id === words.get('model')))
    ?? families[0];
  const model = asked(words, 'model', 'the network', (id) => family.models.find((entry) => entry.id === id), ignored) ?? family.models[0];
  const subject = photos && family.id === photos.family ? photograph(photos, named ?? photos.photos[0])
    : objects && family.id === objects.family ? object(objects, { object: object_ ?? 1, pose })
      : null;
  return {
    wish: { family, model, subject, crop: subject?.photo ? crop : null },
    attack: Object.fromEntries([...words].filter(([name]) => !PLACE.includes(name))),
    ignored,
  };
}

/**
 * A value of the link as the page understands it, if it does.
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

/** @param {string} text @param {number} low @param {number} high */
function whole(text, low, high) {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= low && value <= high ? value : null;
}

/** @param {string} text @returns {Crop | null} */
function square(text) {
  const values = text.split(',').map(Number);
  const [left, top, side] = values;
  return values.length === 3 && values.every(Number.isFinite) && left >= 0 && top >= 0 && side >= 1 ? { left, top, side } : null;
}
