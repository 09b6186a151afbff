// A thumbnail of a picture: its file, or a part of a sheet, pixel by pixel.

import { make } from './dom.js';

/** Sheets wanted or loaded, by address: many thumbnails are parts of one sheet. @type {Map<string, Promise<HTMLImageElement>>} */
const sheets = new Map();

/** @type {(value?: unknown) => void} */
let begin = () => {};
/** A sheet is large. It waits until what the first picture needs is here. */
const begun = new Promise((resolve) => (begin = resolve));

/** Loads the sheets of the thumbnails; resolves when they are here, or cannot be loaded. */
export async function loadSheets() {
  begin();
  await Promise.allSettled(sheets.values());
}

/** @param {import('../pictures.js').Subject} picture of the site @param {string} name empty where it is shown beside it */
export function thumb({ file, region }, name) {
  const address = file.address ?? '';
  if (!region) {
    const image = make('img', { loading: 'lazy', alt: name, title: name, width: 64, height: 64, fetchPriority: 'low' });
    image.src = address;
    return image;
  }
  const { left, top, side } = region;
  const canvas = make('canvas', { title: name, width: side, height: side, ...(name ? { role: 'img', ariaLabel: name } : { ariaHidden: 'true' }) });
  sheet(address).then((image) => canvas.getContext('2d')?.drawImage(image, left, top, side, side, 0, 0, side, side), () => {});
  return canvas;
}

/** @param {string} address */
function sheet(address) {
  const known = sheets.get(address);
  if (known) return known;
  const loaded = begun.then(async () => {
    const image = Object.assign(new Image(), { fetchPriority: 'low', src: address });
    await image.decode();
    return image;
  });
  sheets.set(address, loaded);
  return loaded;
}
