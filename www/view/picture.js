// A framed picture, or a text in its place.

import { find } from './dom.js';
import { magnify, paint } from './paint.js';

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

  /** @param {string} words @param {string} label */
  const say = (words, label) => {
    canvas.ariaLabel = label;
    caption.textContent = words;
    reveal(true);
  };

  return {
    /** @param {import('../../pkg/decoy.js').Picture} picture @param {string} words @param {string} label */
    show(picture, words, label) {
      say(words, label);
      paint(canvas, picture);
    },

    /**
     * Shows a picture before it is classified.
     * @param {HTMLImageElement} image @param {import('../../pkg/decoy.js').Crop} square its visible part @param {number} side size of the canvas @param {string} words @param {string} label
     */
    preview(image, { left, top, side: length }, side, words, label) {
      say(words, label);
      Object.assign(canvas, { width: side, height: side });
      canvas.getContext('2d')?.drawImage(image, left, top, length, length, 0, 0, side, side);
      magnify(canvas);
    },

    clear() {
      caption.textContent = '';
      reveal(false);
    },
  };
}
