// Decodes picture files with the browser: upright, with its colour management, in every format it supports.

/** A larger picture is scaled down: the largest shorter side, and the largest area, in pixels. */
const SIDE = 2048;
const AREA = 2 ** 23;

/** @typedef {{ pixels: Uint8Array, width: number, height: number, whole: { width: number, height: number } }} Decoded RGBA values, row-major, and the size of the picture in the file */

/** Some browsers change canvas pixels slightly when a page reads them, against fingerprinting. False for such a browser. @type {boolean | undefined} */
let faithful;

/** Null where the browser cannot decode the file, or where no pixel is visible. @param {Uint8Array<ArrayBuffer>} file @returns {Promise<Decoded | null>} */
export async function decode(file) {
  faithful ??= givesBack();
  const bitmap = faithful ? await bitmapOf(file) : null;
  if (!bitmap) return null;
  const whole = { width: bitmap.width, height: bitmap.height };
  const scale = Math.min(1, SIDE / Math.min(whole.width, whole.height), Math.sqrt(AREA / (whole.width * whole.height)));
  const [width, height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
  const drawing = canvas(width, height);
  if (!drawing) return null;
  drawing.imageSmoothingQuality = 'high';
  drawing.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = drawing.getImageData(0, 0, width, height);
  const visible = data.some((level, place) => place % 4 === 3 && level > 0);
  return visible ? { pixels: new Uint8Array(data.buffer), width, height, whole } : null;
}

/** @param {Uint8Array<ArrayBuffer>} file */
const bitmapOf = (file) =>
  createImageBitmap(new Blob([file]), { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'default' }).catch(() => null);

/** Whether a canvas returns exactly the pixels that were put there. */
function givesBack() {
  const side = 32;
  const drawing = canvas(side, side);
  if (!drawing) return false;
  const put = drawing.createImageData(side, side);
  put.data.forEach((_, place) => (put.data[place] = place % 4 === 3 ? 255 : (place * 89) % 251));
  drawing.putImageData(put, 0, 0);
  const { data } = drawing.getImageData(0, 0, side, side);
  return put.data.every((level, place) => level === data[place]);
}

/** @param {number} width @param {number} height */
const canvas = (width, height) => new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
