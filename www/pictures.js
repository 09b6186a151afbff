// Where a picture comes from, and how it becomes what a network sees.

import { address, get } from './contents.js';
import { slug } from './words.js';

/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').Family} Family */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('./bridge.js').Bridge} Bridge */
/** @typedef {import('./bridge.js').Opened} Opened */

/**
 * A picture to look at: of a gallery, or one's own.
 * @typedef {object} Subject
 * @property {string} name for people
 * @property {string} slug for file names
 * @property {PictureFile} file that it is in
 * @property {Crop | null} region the part of the file that it is; none: all of it
 * @property {boolean} croppable whether a person chooses what the network sees of it
 * @property {string | null} label what it shows, where that is known
 * @property {import('./galleries.js').Credit | null} credit
 * @property {Place | null} place in a gallery; one's own has none
 */

/** @typedef {{ family: string, guest: boolean, group: number, index: number, words: Record<string, string> }} Place whose gallery, whether its files do not come with the source, where in it, and what names it in a link */

/**
 * @typedef {object} PictureFile
 * @property {string | null} address on the site
 * @property {() => Promise<Uint8Array<ArrayBuffer>>} bytes a copy each time
 * @property {Opened & { key: number } | null} opened what the crop frame shows, once it is known; `key` is its name in the worker
 */

/** The module decides what it reads; this only keeps a giant file out of memory. */
const ENOUGH = 65 * 1024 * 1024;

/** A picture of one's own. @param {File} file @returns {Subject} */
export function own(file) {
  const name = file.name || 'a picture of your own';
  return {
    name,
    slug: slug(name.replace(/\.\w+$/, '')),
    file: { address: null, bytes: () => bytesOf(file), opened: null },
    region: null,
    croppable: true,
    label: null,
    credit: null,
    place: null,
  };
}

/** A file of the site, fetched when it is first needed. @param {string} path @returns {PictureFile} */
export function siteFile(path) {
  /** @type {Blob | null} */
  let blob = null;
  const bytes = async () => {
    blob ??= await (await get(path)).blob();
    return new Uint8Array(await blob.arrayBuffer());
  };
  return { address: address(path), bytes, opened: null };
}

/** What the networks of a family see of a picture, whose file has this size. @param {Family} family @param {Subject} subject @param {Crop | null} crop @param {{ width: number, height: number }} size @returns {Crop} */
export function squareOf(family, { region, croppable }, crop, size) {
  return region ?? (croppable && crop && inside(crop, size) ? crop : centre(family, size));
}

/** The square in the middle that the networks of a family were made for, in whole pixels; all of a picture of their own size, which was cut out for them already. @param {Family} family @param {{ width: number, height: number }} size @returns {Crop} */
export function centre({ crop, input }, { width, height }) {
  const share = width === input.width && height === input.height ? 1 : crop;
  const side = Math.max(1, Math.round(share * Math.min(width, height)));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

/** Whether a person has left the square where it was. @param {Family} family @param {Crop | null} crop @param {Subject | null} subject */
export function isCentral(family, crop, subject) {
  const opened = subject?.file.opened;
  if (!crop || !opened) return !crop;
  const { left, top, side } = centre(family, opened);
  return [left - crop.left, top - crop.top, side - crop.side].every((apart) => Math.abs(apart) <= 1);
}

/** @param {Crop} crop @param {{ width: number, height: number }} size */
const inside = ({ left, top, side }, { width, height }) => left + side <= width && top + side <= height;

/** Pictures on their way through the worker, which holds one open file at a time. */
export class Pictures {
  /** Counts what was opened. */
  #last = 0;

  /** Reads the file of a subject. @param {Bridge} bridge @param {Subject} subject */
  async open(bridge, { file }) {
    const bytes = await file.bytes();
    const key = (this.#last += 1);
    file.opened = { key, ...(await bridge.open(key, bytes)) };
  }

  /**
   * What the networks of a family see of a subject. A square of the network's own size passes pixel by pixel.
   * @param {Bridge} bridge @param {Family} family @param {Subject} subject @param {Crop | null} crop
   * @returns {Promise<{ picture: Picture, crop: Crop | null }>} with the square that a person may move
   */
  async picture(bridge, family, subject, crop) {
    for (;;) {
      const { opened } = subject.file;
      if (opened) {
        const square = squareOf(family, subject, crop, opened);
        const picture = await bridge.crop(opened.key, family.id, square);
        if (picture) return { picture, crop: subject.croppable ? square : null };
      }
      await this.open(bridge, subject);
    }
  }
}

/** @param {File} file */
async function bytesOf(file) {
  const buffer = await file.slice(0, ENOUGH).arrayBuffer().catch(() => {
    throw new Error(`“${file.name}” cannot be read.`);
  });
  return new Uint8Array(buffer);
}
