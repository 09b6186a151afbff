// Draws a picture on a canvas of its size.

/** The canvas must be visible already, since its size on the page decides about smoothing. @param {HTMLCanvasElement} canvas @param {import('../../pkg/decoy.js').Picture} picture */
export function paint(canvas, { width, height, rgba }) {
  Object.assign(canvas, { width, height });
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
  magnify(canvas);
}

/** Strongly enlarged pixels are shown as squares; otherwise the picture is smoothed. @param {HTMLCanvasElement} canvas */
export const magnify = (canvas) => canvas.classList.toggle('magnified', canvas.clientWidth >= 2 * canvas.width);
