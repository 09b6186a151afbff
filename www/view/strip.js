// The noise strip: one picture attacked on every network, one small result each.

import { find, make } from './dom.js';
import { paint } from './paint.js';
import { counted, percent, sigma, size as sizeWords } from './words.js';

/** @typedef {{ picture: import('../../pkg/decoy.js').Picture, label: string, probability: number, norm: import('../../pkg/decoy.js').Norm, size: number }} Fooled */

/** @param {() => void} onStart @param {() => void} onCancel */
export function strip(onStart, onCancel) {
  const root = find('strip', HTMLElement);
  const start = make('button', { type: 'button', onclick: onStart }, 'Fool every network');
  const cancel = make('button', { type: 'button', hidden: true, onclick: onCancel }, 'Cancel the strip');
  const status = make('p', { className: 'note', role: 'status' });
  const list = make('ol', { className: 'strip-results', hidden: true });
  root.append(make('div', { className: 'strip-action' }, start, cancel, status), list);

  /** One for each network. @type {Map<string, ReturnType<typeof place>>} */
  let places = new Map();

  /** The keyboard stays where it was pressed: on the button that takes the other's place. @param {boolean} running */
  function run(running) {
    const focused = document.activeElement === start || document.activeElement === cancel;
    start.hidden = cancel.hidden = false;
    if (focused) (running ? cancel : start).focus();
    start.hidden = running;
    cancel.hidden = !running;
  }

  /** Bars are compared with the longest. */
  function scale() {
    const most = Math.max(...[...places.values()].map((place) => place.size()));
    for (const place of places.values()) place.scale(most);
  }

  function clear() {
    for (const place of places.values()) place.empty('');
    list.hidden = true;
    status.textContent = '';
  }

  return {
    /** @param {{ id: string, sigma: number }[]} models in the order of the strip */
    show(models) {
      places = new Map(models.map(({ id, sigma }) => [id, place(sigma)]));
      list.replaceChildren(...[...places.values()].map(({ item }) => item));
      list.style.setProperty('--count', String(places.size));
      clear();
    },

    begin() {
      for (const place of places.values()) place.empty('waiting');
      list.hidden = false;
      run(true);
      status.textContent = `Fooling ${counted(places.size, 'network')}…`;
    },

    /** @param {string} model @param {{ words: string }} state */
    progress(model, { words }) {
      places.get(model)?.empty(words);
    },

    /** @param {string} model @param {Fooled | { failed: string }} outcome */
    result(model, outcome) {
      places.get(model)?.finish(outcome);
      scale();
    },

    /** @param {string} words */
    end(words) {
      for (const place of places.values()) if (!place.finished()) place.empty('');
      run(false);
      status.textContent = words;
    },

    clear,

    /** @param {boolean} on */
    enabled(on) {
      start.disabled = !on;
    },
  };
}

/** The place of one network's result. @param {number} noise its σ */
function place(noise) {
  const canvas = make('canvas', { role: 'img', hidden: true });
  const words = make('p', { className: 'strip-words' });
  const seen = make('p');
  const size = make('p');
  const fill = make('div', { className: 'fill' });
  const result = make('div', { className: 'strip-result', hidden: true }, make('div', { className: 'track' }, fill), size, seen);
  const item = make('li', {},
    make('div', { className: 'strip-picture' }, canvas, words),
    make('h3', {}, sigma(noise)),
    result);
  let length = 0;
  let finished = false;

  /** @param {boolean} shown @param {string} text */
  function reveal(shown, text) {
    canvas.hidden = result.hidden = !shown;
    words.hidden = shown;
    words.textContent = text;
  }

  return {
    item,
    finished: () => finished,
    size: () => length,

    /** @param {string} text what stands in its place */
    empty(text) {
      [length, finished] = [0, false];
      reveal(false, text);
    },

    /** @param {Fooled | { failed: string }} outcome */
    finish(outcome) {
      finished = true;
      if ('failed' in outcome) {
        reveal(false, outcome.failed);
        return;
      }
      length = outcome.size;
      reveal(true, '');
      paint(canvas, outcome.picture);
      canvas.ariaLabel = `The changed picture, trained with ${sigma(noise)}`;
      seen.replaceChildren(make('strong', {}, outcome.label), ` ${percent(outcome.probability)}`);
      size.textContent = sizeWords(outcome.norm, length);
    },

    /** @param {number} most the size whose bar is full */
    scale(most) {
      fill.style.width = `${most ? (100 * length) / most : 0}%`;
    },
  };
}
