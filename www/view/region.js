// The region of the picture that may change: a rectangle, drawn on the original or typed.

import { clamp } from '../clamp.js';
import { find, make } from './dom.js';

/** @typedef {{ left: number, top: number, width: number, height: number }} Rectangle in pixels of the network's input */

/** At first the region is in the middle of the picture, with this share of its width and height. */
const FIRST = 0.5;

/** @param {() => void} onChange */
export function regionField(onChange) {
  const on = find('region-on', HTMLInputElement);
  const fields = find('region-fields', HTMLElement);
  const canvas = find('original', HTMLCanvasElement);
  const frame = /** @type {HTMLElement} */ (canvas.parentElement);
  const outline = make('div', { className: 'region-outline', hidden: true });
  frame.append(outline);
  /** The size of the pictures that the network sees. */
  let size = { width: 0, height: 0 };
  /** Where a drag has begun, in pixels. @type {{ x: number, y: number } | null} */
  let start = null;

  const inputs = { left: number('Left', 'left'), top: number('Top', 'top'), width: number('Width', 'width', 1), height: number('Height', 'height', 1) };

  /** @param {string} words @param {string} name @param {number} [least] */
  function number(words, name, least = 0) {
    const input = make('input', { type: 'number', id: `region-${name}`, required: true, step: '1', min: String(least) });
    input.setAttribute('aria-describedby', 'region-note');
    fields.append(make('div', {}, make('label', { htmlFor: input.id }, words), input));
    return input;
  }

  /** @returns {Rectangle} */
  const typed = () => ({ left: inputs.left.valueAsNumber, top: inputs.top.valueAsNumber, width: inputs.width.valueAsNumber, height: inputs.height.valueAsNumber });

  /** @param {Rectangle} part */
  const fits = ({ left, top, width, height }) => [left, top, width, height].every(Number.isInteger)
    && left >= 0 && top >= 0 && width > 0 && height > 0 && left + width <= size.width && top + height <= size.height;

  /** @param {Rectangle} part */
  function type({ left, top, width, height }) {
    inputs.left.value = String(left);
    inputs.top.value = String(top);
    inputs.width.value = String(width);
    inputs.height.value = String(height);
  }

  /** The region at the beginning. */
  function middle() {
    const width = Math.max(1, Math.round(FIRST * size.width));
    const height = Math.max(1, Math.round(FIRST * size.height));
    type({ left: (size.width - width) >> 1, top: (size.height - height) >> 1, width, height });
  }

  function render() {
    const part = typed();
    const shown = on.checked && fits(part);
    fields.hidden = !on.checked;
    frame.classList.toggle('choosing', on.checked);
    outline.hidden = !shown;
    for (const input of Object.values(inputs)) input.setCustomValidity('');
    inputs.left.max = String(size.width - 1);
    inputs.top.max = String(size.height - 1);
    inputs.width.max = String(size.width);
    inputs.height.max = String(size.height);
    if (part.left + part.width > size.width) inputs.width.setCustomValidity(`The picture has ${size.width} columns: ${size.width - part.left} are left from column ${part.left} on.`);
    if (part.top + part.height > size.height) inputs.height.setCustomValidity(`The picture has ${size.height} rows: ${size.height - part.top} are left from row ${part.top} on.`);
    if (!shown) return;
    Object.assign(outline.style, {
      left: `${(100 * part.left) / size.width}%`,
      top: `${(100 * part.top) / size.height}%`,
      width: `${(100 * part.width) / size.width}%`,
      height: `${(100 * part.height) / size.height}%`,
    });
  }

  /** The pixel under the pointer. @param {PointerEvent} event */
  function pixel({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    const at = (/** @type {number} */ share, /** @type {number} */ length) => clamp(Math.floor(share * length), 0, length - 1);
    return { x: at((clientX - box.left) / box.width, size.width), y: at((clientY - box.top) / box.height, size.height) };
  }

  /** @param {PointerEvent} event */
  function drag(event) {
    if (!start) return;
    const now = pixel(event);
    const [left, top] = [Math.min(start.x, now.x), Math.min(start.y, now.y)];
    type({ left, top, width: Math.abs(now.x - start.x) + 1, height: Math.abs(now.y - start.y) + 1 });
    render();
  }

  on.onchange = () => {
    render();
    onChange();
  };
  fields.oninput = render;
  fields.onchange = onChange;
  frame.addEventListener('pointerdown', (event) => {
    if (!on.checked || on.matches(':disabled') || event.button !== 0) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    start = pixel(event);
    drag(event);
  });
  frame.addEventListener('pointermove', drag);
  frame.addEventListener('pointerup', () => {
    if (start) onChange();
    start = null;
  });
  frame.addEventListener('pointercancel', () => (start = null));

  return {
    /** Sets the input size; a region of pictures of another size is removed. @param {import('../../pkg/decoy.js').Input} input */
    of({ width, height }) {
      if (width === size.width && height === size.height) return;
      size = { width, height };
      on.checked = false;
      find('region-size', HTMLElement).textContent = `${width}×${height}`;
      middle();
      render();
    },

    /** The chosen region, `LEFT,TOP,WIDTH,HEIGHT`; null if there is none or its numbers do not fit. */
    value() {
      const part = typed();
      return on.checked && fits(part) ? [part.left, part.top, part.width, part.height].join(',') : null;
    },

    /** Chooses a region, or the whole picture. @param {string | undefined} text @returns {boolean} whether it fits into the picture */
    set(text) {
      const [left, top, width, height, ...rest] = (text ?? '').split(',').map(Number);
      const part = { left, top, width, height };
      const there = !rest.length && fits(part);
      on.checked = there;
      if (there) type(part);
      else middle();
      render();
      return there || text === undefined;
    },

    /** Whether the typed region is valid; an invalid field shows its message. */
    valid: () => !on.checked || Object.values(inputs).every((input) => input.reportValidity()),
    /** Whether the region is invalid; a message can be shown only if the fields are visible. */
    wrong: () => on.checked && !fits(typed()),
  };
}
