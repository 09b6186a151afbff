// The sources of pictures, and how a picture becomes a network's input.

import { address, get } from './contents.js';
import { slug } from './words.js';

/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').Family} Family */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */
/** @typedef {import('./bridge.js').Bridge} Bridge */
/** @typedef {import('./bridge.js').Opened} Opened */

/**
 * A picture to classify: from a gallery, or the user's own.
 * @typedef {object} Subject
 * @property {string} name shown to the user
 * @property {string} slug for file names
 * @property {PictureFile} file the file that contains it
 * @property {Crop | null} region the part of the file with the picture; null: the whole file
 * @property {boolean} croppable whether the user can choose a crop
 * @property {string | null} label its class, if known
 * @property {import('./galleries.js').Credit | null} credit
 * @property {Place | null} place in a gallery; null for the user's own
 */

/** @typedef {{ family: string, external: boolean, group: number, index: number, words: Record<string, string> }} Place the gallery's family; whether its files are missing in the repository; the position in it; its parameters in a link */

/**
 * @typedef {object} PictureFile
 * @property {string | null} address on the site
 * @property {() => Promise<Uint8Array<ArrayBuffer>>} bytes a new copy at each call
 * @property {Opened & { key: number } | null} opened size and preview for the crop frame, once opened; `key` is its name in the worker
 */

/** Bytes read of a file at most, to keep a huge file out of memory. The module's own limit is lower. */
const ENOUGH = 65 * 1024 * 1024;

/** The user's own picture. @param {File} file @returns {Subject} */
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

/** A file of the site, fetched at its first use. @param {string} path @returns {PictureFile} */
export function siteFile(path) {
  /** @type {Blob | null} */
  let blob = null;
  const bytes = async () => {
    blob ??= await (await get(path)).blob();
    return new Uint8Array(await blob.arrayBuffer());
  };
  return { address: address(path), bytes, opened: null };
}

/** The square that the networks of a family see of a picture, whose file has this size. @param {Family} family @param {Subject} subject @param {Crop | null} crop @param {{ width: number, height: number }} size @returns {Crop} */
export function squareOf(family, { region, croppable }, crop, size) {
  return region ?? (croppable && crop && inside(crop, size) ? crop : centre(family, size));
}

/** The family's default square in the middle, in whole pixels; the whole picture if it already has the input size. @param {Family} family @param {{ width: number, height: number }} size @returns {Crop} */
export function centre({ crop, input }, { width, height }) {
  const share = width === input.width && height === input.height ? 1 : crop;
  const side = Math.max(1, Math.round(share * Math.min(width, height)));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

/** Whether the crop is the default one. @param {Family} family @param {Crop | null} crop @param {Subject | null} subject */
export function isCentral(family, crop, subject) {
  const opened = subject?.file.opened;
  if (!crop || !opened) return !crop;
  return isSame(crop, centre(family, opened), 1);
}

/** Whether two squares differ by at most `apart` pixels. @param {Crop} crop @param {Crop | null} other @param {number} [apart] default: what is rounded in a link */
export function isSame({ left, top, side }, other, apart = 0.1) {
  return other !== null && [left - other.left, top - other.top, side - other.side].every((difference) => Math.abs(difference) <= apart);
}

/** @param {Crop} crop @param {{ width: number, height: number }} size */
const inside = ({ left, top, side }, { width, height }) => left + side <= width && top + side <= height;

/** Opens and crops pictures in the worker, which holds one open file at a time. */
export class Pictures {
  /** Number of files opened, the last key. */
  #last = 0;

  /** Reads the file of a subject. @param {Bridge} bridge @param {Subject} subject */
  async open(bridge, { file }) {
    const bytes = await file.bytes();
    const key = (this.#last += 1);
    file.opened = { key, ...(await bridge.open(key, bytes)) };
  }

  /**
   * A subject at the input size of a family. A square that already has this size is copied pixel by pixel.
   * @param {Bridge} bridge @param {Family} family @param {Subject} subject @param {Crop | null} crop
   * @returns {Promise<{ picture: Picture, crop: Crop | null }>} and the square, if the user may move it
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
