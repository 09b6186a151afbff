// The square of a picture that the network sees: a frame to move and zoom.

import { clamp } from '../clamp.js';
import { arrowSliders } from './arrows.js';
import { find, make } from './dom.js';
import { paint } from './paint.js';

/** @typedef {import('../../pkg/decoy.js').Crop} Crop */
/** @typedef {import('../../pkg/decoy.js').Picture} Picture */

/** Smallest side of the frame: this many pixels, unless it begins smaller; and largest zoom, relative to the shorter side. */
const SMALLEST = 32;
const MOST = 8;
/** A movement has ended when nothing has moved for this long, in milliseconds. */
const REST = 120;

/** @param {(crop: Crop) => void} onChange called when a movement has ended */
export function cropFrame(onChange) {
  const root = find('crop', HTMLElement);
  const canvas = make('canvas', { role: 'img', ariaLabel: 'The whole picture' });
  const arrows = arrowSliders('Move the square left and right', 'Move the square up and down', (left, top) => move(left + side / 2, top + side / 2));
  const frame = make('div', { className: 'crop-frame' }, ...arrows.sliders);
  const picture = make('div', { className: 'crop-picture' }, canvas, frame);
  const zoom = make('input', { type: 'range', id: 'crop-zoom', min: '0', max: '1', step: '0.01' });
  const zoomed = make('output');
  root.append(
    picture,
    make('div', { className: 'line' }, make('label', { htmlFor: zoom.id }, 'Zoom'), zoomed),
    zoom,
    make('p', { className: 'note' }, 'The network sees what is in the square. Drag it, or use the arrow keys.'),
  );
  root.hidden = true;

  let [width, height] = [0, 0];
  // Centre and side of the square in pixels, with fractions; `crop` has whole pixels.
  let [x, y, side] = [0, 0, 0];
  /** The side at the beginning. */
  let first = SMALLEST;
  /** @type {Crop | null} */
  let crop = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;

  const shorter = () => Math.min(width, height);
  const mostZoom = () => clamp(shorter() / Math.min(SMALLEST, first), 1, MOST);

  /** Moves the square, limited to the picture. @param {number} newX @param {number} newY @param {number} newSide @returns {Crop} */
  function place(newX, newY, newSide) {
    side = clamp(newSide, shorter() / mostZoom(), shorter());
    x = clamp(newX, side / 2, width - side / 2);
    y = clamp(newY, side / 2, height - side / 2);
    // Whole pixels, always inside the picture.
    const whole = clamp(Math.round(side), 1, shorter());
    const from = (/** @type {number} */ centre, /** @type {number} */ length) => clamp(Math.floor(centre - whole / 2), 0, length - whole);
    crop = { left: from(x, width), top: from(y, height), side: whole };
    render(crop);
    return crop;
  }

  /** @param {number} newX @param {number} newY @param {number} [newSide] */
  function move(newX, newY, newSide = side) {
    const before = crop;
    const after = place(newX, newY, newSide);
    if (before && before.left === after.left && before.top === after.top && before.side === after.side) return;
    clearTimeout(resting);
    resting = setTimeout(() => onChange(after), REST);
  }

  /** @param {Crop} crop */
  function render({ left, top, side: whole }) {
    Object.assign(frame.style, {
      left: `${(100 * left) / width}%`,
      top: `${(100 * top) / height}%`,
      width: `${(100 * whole) / width}%`,
      height: `${(100 * whole) / height}%`,
    });
    arrows.show({ x: x - side / 2, y: y - side / 2, step: Math.max(1, shorter() / 100) }, width - side, height - side);
    const factor = `${(shorter() / side).toFixed(1)}×`;
    zoom.disabled = mostZoom() === 1;
    zoom.value = String(zoom.disabled ? 0 : Math.log(shorter() / side) / Math.log(mostZoom()));
    zoom.ariaValueText = zoomed.textContent = factor;
  }

  zoom.oninput = () => move(x, y, shorter() / mostZoom() ** zoom.valueAsNumber);

  // Pointers on the picture, in its pixels: one moves the square, two zoom.

  /** @type {Map<number, { x: number, y: number }>} */
  const fingers = new Map();
  let start = { x, y, side, grip: { x: 0, y: 0, spread: 1 } };

  /** @param {PointerEvent} event */
  const point = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * width, y: ((clientY - box.top) / box.height) * height };
  };
  /** The centre of the pointers, and their distance. */
  const grip = () => {
    const [a, b = a] = fingers.values();
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1) };
  };
  const grasp = () => {
    if (fingers.size) start = { x, y, side, grip: grip() };
  };

  picture.onpointerdown = (event) => {
    if (event.button !== 0 || fingers.size === 2) return;
    // From now on the arrow keys move the square; by default no element would get the focus.
    event.preventDefault();
    arrows.focus();
    picture.setPointerCapture(event.pointerId);
    const at = point(event);
    fingers.set(event.pointerId, at);
    // A mouse click outside of the square moves it there; a touch does not, since it may be the first of two fingers.
    if (event.pointerType === 'mouse' && event.target === canvas) move(at.x, at.y);
    grasp();
  };
  picture.onpointermove = (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, point(event));
    const now = grip();
    move(start.x + now.x - start.grip.x, start.y + now.y - start.grip.y, (start.side * start.grip.spread) / now.spread);
  };
  picture.onpointerup = picture.onpointercancel = ({ pointerId }) => {
    fingers.delete(pointerId);
    grasp();
  };
  picture.addEventListener('wheel', (event) => {
    // The wheel scrolls the page until the square has the focus; a pinch on a trackpad is a wheel event with Ctrl.
    if (!event.ctrlKey && !picture.contains(document.activeElement)) return;
    event.preventDefault();
    move(x, y, side * (event.ctrlKey ? 1.01 : 1.001) ** event.deltaY);
  }, { passive: false });

  return {
    /**
     * Shows another picture, or none. `onChange` is not called.
     * @param {{ width: number, height: number, preview: Picture } | null} source its upright size, and a small copy of the whole
     * @param {Crop | null} given the square, if there is a picture
     */
    show(source, given) {
      clearTimeout(resting);
      fingers.clear();
      root.hidden = !source;
      crop = null;
      if (!source || !given) return;
      ({ width, height } = source);
      paint(canvas, source.preview);
      picture.style.setProperty('--ratio', String(width / height));
      first = given.side;
      place(given.left + given.side / 2, given.top + given.side / 2, given.side);
    },

    /** The square, in whole pixels of the upright picture. */
    crop: () => crop,
  };
}
