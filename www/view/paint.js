// A picture on a canvas of its size.

/** @param {HTMLCanvasElement} canvas @param {import('../../pkg/decoy.js').Picture} picture */
export function paint(canvas, { width, height, rgba }) {
  Object.assign(canvas, { width, height });
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
}
