// Moves something in two directions by keyboard: two invisible sliders, for screen readers.

import { make } from './dom.js';

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * On either slider the arrow keys move in both directions, with Shift ten times as far; so Tab stops at only one.
 * @param {string} across name of the horizontal slider @param {string} down name of the vertical one
 * @param {(x: number, y: number) => void} onMove the new position, not yet limited
 */
export function arrowSliders(across, down, onMove) {
  let place = { x: 0, y: 0, step: 0 };
  const sliders = [across, down].map((ariaLabel) => make('input', { type: 'range', className: 'unseen', step: 'any', ariaLabel }));
  const [horizontal, vertical] = sliders;
  vertical.tabIndex = -1;

  for (const slider of sliders) {
    slider.oninput = () => onMove(horizontal.valueAsNumber, vertical.valueAsNumber);
    slider.onkeydown = (event) => {
      const arrow = ARROWS[event.key];
      if (!arrow || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const [dx, dy] = arrow.map((direction) => direction * place.step * (event.shiftKey ? 10 : 1));
      onMove(place.x + dx, place.y + dy);
    };
  }

  return {
    sliders,

    focus: () => horizontal.focus({ preventScroll: true }),

    /**
     * @param {{ x: number, y: number, step: number }} at its position, and the step of an arrow key
     * @param {number} width the largest x @param {number} height the largest y
     */
    show(at, width, height) {
      place = at;
      for (const [slider, value, most] of /** @type {const} */ ([[horizontal, at.x, width], [vertical, at.y, height]])) {
        slider.max = String(most);
        slider.value = String(value);
        slider.ariaValueText = `${Math.round(most ? (100 * value) / most : 50)} %`;
      }
    },
  };
}
