// The original and the changed picture on top of each other: a line to move between them, and a zoom to the pixels.

import { clamp } from '../clamp.js';
import { arrowSliders } from './arrows.js';
import { find, make } from './dom.js';
import { paint } from './paint.js';

/** @typedef {import('../../pkg/decoy.js').Picture} Picture */

const ZOOMS = [1, 4, 8, 16];

/** A zoomed detail shows at least this many pixels in a row. */
const FEWEST = 8;

export function wipeView() {
  const root = find('wipe', HTMLElement);
  const before = make('canvas', { role: 'img' });
  const after = make('canvas', { ariaHidden: 'true' });
  const line = make('div', { className: 'wipe-line' });
  const arrows = arrowSliders('Move the detail left and right', 'Move the detail up and down', pan);
  const view = make('div', { className: 'wipe-view' },
    before,
    make('span', { className: 'wipe-tag' }, 'original'),
    make('div', { className: 'wipe-after' }, after, make('span', { className: 'wipe-tag' }, 'changed')),
    line,
    ...arrows.sliders);
  const wipe = make('input', { type: 'range', id: 'wipe-slider', min: '0', max: '100', step: '1', value: '50' });
  const zooms = ZOOMS.map((zoom) => make('input', { type: 'radio', name: 'wipe-zoom', className: 'unseen', value: String(zoom), checked: zoom === 1 }));
  const choices = zooms.map((radio) => make('label', {}, radio, make('span', {}, `${radio.value}×`)));
  root.append(
    view,
    make('label', { htmlFor: wipe.id }, 'Wipe between original and changed'),
    wipe,
    make('fieldset', { className: 'wipe-zoom' },
      make('legend', {}, 'Zoom'),
      ...choices),
  );
  root.hidden = true;

  let zoom = 1;
  // The upper left corner of the visible detail, as shares of the picture.
  let [x, y] = [0, 0];
  const rest = () => 1 - 1 / zoom;

  /** @param {number} newX @param {number} newY */
  function pan(newX, newY) {
    [x, y] = [clamp(newX, 0, rest()), clamp(newY, 0, rest())];
    render();
  }

  function render() {
    for (const [name, value] of Object.entries({ wipe: wipe.valueAsNumber, zoom, x, y })) view.style.setProperty(`--${name}`, String(value));
    view.classList.toggle('zoomed', zoom > 1);
    wipe.ariaValueText = `${wipe.value} % original`;
    for (const slider of arrows.sliders) slider.disabled = zoom === 1;
    arrows.show({ x, y, step: 0.05 / zoom }, rest(), rest());
  }

  wipe.oninput = render;
  for (const radio of zooms) radio.onchange = () => enlarge(Number(radio.value));

  /** Zooms; the middle stays in place. @param {number} factor */
  function enlarge(factor) {
    const middle = [x, y].map((corner) => corner + 0.5 / zoom);
    zoom = factor;
    pan(middle[0] - 0.5 / zoom, middle[1] - 0.5 / zoom);
  }

  // The pointer drags the line. When zoomed, it drags the line only if pressed on it, and else the detail.

  /** @type {((event: PointerEvent) => void) | null} */
  let drag = null;
  const wipeTo = (/** @type {PointerEvent} */ { clientX }) => {
    const box = view.getBoundingClientRect();
    wipe.value = String((100 * (clientX - box.left)) / box.width);
    render();
  };
  /** @param {PointerEvent} from */
  const panFrom = (from) => {
    const { width, height } = view.getBoundingClientRect();
    const corner = { x, y };
    return (/** @type {PointerEvent} */ to) => pan(corner.x - (to.clientX - from.clientX) / width / zoom, corner.y - (to.clientY - from.clientY) / height / zoom);
  };

  view.onpointerdown = (event) => {
    if (event.button !== 0 || drag) return;
    // The keys continue what the pointer began; by default no element would get the focus.
    event.preventDefault();
    view.setPointerCapture(event.pointerId);
    const wiping = zoom === 1 || event.target === line;
    if (wiping) wipe.focus({ preventScroll: true });
    else arrows.focus();
    drag = wiping ? wipeTo : panFrom(event);
    drag(event);
  };
  view.onpointermove = (event) => drag?.(event);
  view.onpointerup = view.onpointercancel = () => {
    drag = null;
  };

  return {
    /** Shows other pictures; line, zoom and place stay. @param {Picture} original @param {Picture} changed @param {string} label of the picture */
    show(original, changed, label) {
      paint(before, original);
      paint(after, changed);
      before.ariaLabel = label;
      view.style.aspectRatio = `${original.width} / ${original.height}`;
      root.hidden = false;
      const most = original.width / FEWEST;
      for (const [index, choice] of choices.entries()) choice.hidden = ZOOMS[index] > most;
      if (zoom > most) {
        zooms[0].checked = true;
        enlarge(1);
      }
      render();
    },

    clear() {
      root.hidden = true;
    },
  };
}
