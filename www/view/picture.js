// One framed picture, or the words that stand in its place.

import { find } from './dom.js';
import { paint } from './paint.js';

/** @param {string} name the id of the canvas; `name-wait` and `name-name` are its placeholder and caption */
export function framed(name) {
  const canvas = find(name, HTMLCanvasElement);
  const wait = find(`${name}-wait`, HTMLElement);
  const caption = find(`${name}-name`, HTMLElement);

  /** @param {boolean} shown */
  const reveal = (shown) => {
    canvas.hidden = !shown;
    wait.hidden = shown;
  };

  /** @param {number} width @param {number} height @param {string} words @param {string} label */
  const context = (width, height, words, label) => {
    Object.assign(canvas, { width, height });
    canvas.ariaLabel = label;
    caption.textContent = words;
    reveal(true);
    // Pixels that are much enlarged are shown as they are; else the picture is smoothed.
    canvas.classList.toggle('magnified', canvas.clientWidth >= 2 * width);
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  };

  return {
    /** @param {import('../../pkg/decoy.js').Picture} picture @param {string} words @param {string} label */
    show(picture, words, label) {
      context(picture.width, picture.height, words, label);
      paint(canvas, picture);
    },

    /**
     * A picture that the page has before the network has seen it.
     * @param {HTMLImageElement} image @param {import('../../pkg/decoy.js').Crop} square what of it @param {number} side how large @param {string} words @param {string} label
     */
    preview(image, { left, top, side: length }, side, words, label) {
      context(side, side, words, label).drawImage(image, left, top, length, length, 0, 0, side, side);
    },

    clear() {
      caption.textContent = '';
      reveal(false);
    },
  };
}
