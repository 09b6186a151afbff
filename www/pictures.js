// Where a picture comes from, and how it becomes what a network sees.

import { get } from './contents.js';
import { objectAddress } from './view/gallery.js';
import { photoAddress } from './view/photos.js';
import { bytesOf } from './view/upload.js';
import { slug } from './view/words.js';

/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').Family} Family */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('./bridge.js').Bridge} Bridge */
/** @typedef {import('./bridge.js').Opened} Opened */
/** @typedef {import('./view/photos.js').Photo} Photo */
/** @typedef {import('./view/photos.js').PhotoGallery} PhotoGallery */
/** @typedef {import('./view/gallery.js').Gallery} Gallery */
/** @typedef {import('./view/gallery.js').View} View */

/**
 * A picture to look at: of a gallery, or one's own.
 * @typedef {object} Subject
 * @property {string} name for people
 * @property {string} file for file names
 * @property {string | null} address of its file on the site
 * @property {() => Promise<Uint8Array<ArrayBuffer>>} bytes of its file, a copy each time
 * @property {Photo | null} photo its place among the photographs
 * @property {View | null} view its place among the objects, which fill their picture and are not cropped
 * @property {Opened & { key: number } | null} opened what the crop frame shows, once it is known; `key` is its name in the worker
 */

/** @param {PhotoGallery} gallery @param {Photo} photo @returns {Subject} */
export function photograph(gallery, photo) {
  return { name: photo.title, file: slug(photo.id), ...fetched(photoAddress(gallery, photo)), photo, view: null, opened: null };
}

/** @param {Gallery} gallery @param {View} view @returns {Subject} */
export function object(gallery, view) {
  const label = gallery.labels[view.object - 1];
  const degrees = `${view.pose * gallery.degrees_per_pose}°`;
  const [name, file] = view.pose ? [`${label}, turned by ${degrees}`, slug(`${label} ${degrees}`)] : [label, slug(label)];
  return { name, file, ...fetched(objectAddress(gallery, view)), photo: null, view, opened: null };
}

/** A picture of one's own. @param {File} file @returns {Subject} */
export function own(file) {
  const name = file.name || 'a picture of your own';
  return { name, file: slug(name.replace(/\.\w+$/, '')), address: null, bytes: () => bytesOf(file), photo: null, view: null, opened: null };
}

/** A file of the site, fetched when it is first needed. @param {string} address */
function fetched(address) {
  /** @type {Blob | null} */
  let blob = null;
  const bytes = async () => {
    blob ??= await (await get(address)).blob();
    return new Uint8Array(await blob.arrayBuffer());
  };
  return { address, bytes };
}

/** The largest square in the middle. @param {{ width: number, height: number }} size @returns {Crop} */
export function centre({ width, height }) {
  const side = Math.min(width, height);
  return { left: (width - side) / 2, top: (height - side) / 2, side };
}

/** @param {Crop} crop @param {{ width: number, height: number }} size */
export const inside = ({ left, top, side }, { width, height }) => left + side <= width && top + side <= height;

/** Pictures on their way through the worker, which holds one open file at a time. */
export class Pictures {
  /** Counts what was opened. */
  #last = 0;

  /** Reads the file of a subject. @param {Bridge} bridge @param {Subject} subject */
  async open(bridge, subject) {
    const bytes = await subject.bytes();
    const key = (this.#last += 1);
    subject.opened = { key, ...(await bridge.open(key, bytes)) };
  }

  /**
   * What the networks of a family see of a subject.
   * @param {Bridge} bridge @param {Family} family @param {Subject} subject @param {Crop | null} crop
   * @returns {Promise<{ picture: Picture, crop: Crop | null }>}
   */
  async picture(bridge, family, subject, crop) {
    if (subject.view) return { picture: await bridge.decode(family.id, await subject.bytes()), crop: null };
    for (;;) {
      const { opened } = subject;
      if (opened) {
        const square = crop && inside(crop, opened) ? crop : centre(opened);
        const picture = await bridge.crop(opened.key, family.id, square);
        if (picture) return { picture, crop: square };
      }
      await this.open(bridge, subject);
    }
  }
}
