// The picture after the browser has saved it as JPEG and read it again.

import { decode } from './decode.js';

/** @typedef {import('../pkg/decoy.js').Picture} Picture */

/** Null where the browser does not return exact canvas pixels. @param {Picture} picture @param {number} quality from 0 to 1 @returns {Promise<Picture | null>} */
export async function asJpeg({ width, height, rgba }, quality) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
  const file = await canvas.convertToBlob({ type: 'image/jpeg', quality });
  const read = file.type === 'image/jpeg' ? await decode(new Uint8Array(await file.arrayBuffer())) : null;
  return read && { width, height, rgba: new Uint8ClampedArray(/** @type {ArrayBuffer} */ (read.pixels.buffer)) };
}
