// The noise strip: one picture attacked on every network, one small result each.

import { find, make, swap } from './dom.js';
import { paint } from './paint.js';
import { counted, isOwnFile, networkName, percent, size as sizeWords } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {{ picture: import('../../pkg/decoy.js').Picture, label: string, probability: number, norm: import('../../pkg/decoy.js').Norm, size: number }} Fooled */

/** @param {() => void} onStart @param {() => void} onCancel @param {(model: string) => void} onOpen shows the network with this name */
export function strip(onStart, onCancel, onOpen) {
  const root = find('strip', HTMLElement);
  const start = find('every', HTMLButtonElement);
  const cancel = make('button', { type: 'button', hidden: true, onclick: onCancel }, 'Cancel the strip');
  const status = make('p', { className: 'note', role: 'status' });
  const finding = make('p', { className: 'finding' });
  const list = make('ol', { className: 'strip-results' });
  find('strip-data', HTMLElement).before(make('div', { className: 'strip-action' }, cancel, status), list, finding);
  start.onclick = onStart;

  /** The place of each network's result, by network. @type {Map<string, ReturnType<typeof place>>} */
  let places = new Map();

  /** The longest bar is full. */
  function scale() {
    const most = Math.max(...[...places.values()].map((place) => place.size()));
    for (const place of places.values()) place.scale(most);
  }

  function clear() {
    for (const place of places.values()) place.empty('');
    root.hidden = true;
    status.textContent = finding.textContent = '';
  }

  return {
    /** @param {ModelEntry[]} models in the order of the strip */
    show(models) {
      places = new Map(models.map((model) => [model.id, place(model, () => onOpen(model.id))]));
      list.replaceChildren(...[...places.values()].map(({ item }) => item));
      list.style.setProperty('--count', String(places.size));
      clear();
    },

    /** Results found already stay. */
    begin() {
      for (const place of places.values()) if (!place.finished()) place.empty('waiting');
      root.hidden = false;
      swap(start, cancel, true);
      finding.textContent = '';
      status.textContent = `Fooling ${counted(places.size, 'network')}…`;
      root.scrollIntoView({ block: 'nearest' });
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

    /** @param {string} words @param {string} sentence the effect of noise */
    end(words, sentence) {
      for (const place of places.values()) if (!place.finished()) place.empty('not yet');
      swap(start, cancel, false);
      root.hidden = ![...places.values()].some((place) => place.finished());
      status.textContent = words;
      finding.textContent = sentence;
    },

    clear,

    /** @param {boolean} on */
    enabled(on) {
      start.disabled = !on;
    },
  };
}

/** The place of one network's result. @param {ModelEntry} model @param {() => void} onOpen */
function place(model, onOpen) {
  const name = networkName(model);
  const trained = isOwnFile(model) ? name : `trained with ${name}`;
  const canvas = make('canvas', { role: 'img', hidden: true });
  const words = make('p', { className: 'strip-words' });
  const open = make('button', { type: 'button', className: 'strip-open', title: 'Look at this network', ariaLabel: `Look at the network ${trained}`, hidden: true, onclick: onOpen });
  const seen = make('p');
  const size = make('p');
  const fill = make('div', { className: 'fill' });
  const result = make('div', { className: 'strip-result', hidden: true }, make('div', { className: 'track' }, fill), size, seen);
  const item = make('li', {},
    make('div', { className: 'strip-picture' }, canvas, words, open),
    make('h4', {}, name),
    result);
  let length = 0;
  let finished = false;

  /** @param {boolean} shown @param {string} text */
  function reveal(shown, text) {
    canvas.hidden = open.hidden = result.hidden = !shown;
    words.hidden = shown;
    words.textContent = text;
  }

  return {
    item,
    finished: () => finished,
    size: () => length,

    /** @param {string} text shown in place of a result */
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
      canvas.ariaLabel = `The changed picture, ${trained}`;
      seen.replaceChildren(make('strong', {}, outcome.label), ` ${percent(outcome.probability)}`);
      size.textContent = sizeWords(outcome.norm, length);
    },

    /** @param {number} most the size whose bar is full */
    scale(most) {
      fill.style.width = `${most ? (100 * length) / most : 0}%`;
    },
  };
}
