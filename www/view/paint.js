// A picture on a canvas of its size.

/** The canvas is seen already, so that it is known how large. @param {HTMLCanvasElement} canvas @param {import('../../pkg/decoy.js').Picture} picture */
export function paint(canvas, { width, height, rgba }) {
  Object.assign(canvas, { width, height });
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
  magnify(canvas);
}

/** Pixels that are much enlarged are shown as they are; else the picture is smoothed. @param {HTMLCanvasElement} canvas */
export const magnify = (canvas) => canvas.classList.toggle('magnified', canvas.clientWidth >= 2 * canvas.width);
