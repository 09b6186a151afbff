// The noise strip: one picture attacked on every network, one small result each.

import { isOwnFile } from '../contents.js';
import { find, make, swap, write } from './dom.js';
import { paint } from './paint.js';
import { counted, networkName, percent, sizeWords } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {{ picture: import('../../pkg/decoy.js').Picture, label: string, probability: number, norm: import('../../pkg/decoy.js').Norm, size: number }} Fooled */
/** @typedef {Fooled | { words: string }} Outcome of a network: its adversarial picture, or words in its place */

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

  /** @type {ModelEntry[] | null} */
  let shown = null;
  /** The place of each network's result, by network. @type {Map<string, ReturnType<typeof place>>} */
  let places = new Map();

  return {
    /** @param {{ models: ModelEntry[], running: boolean, allowed: boolean, outcomes: Map<string, Outcome>, status: string, growth: string }} state `models` in the order of the strip; `growth`: the effect of noise, in a sentence */
    show({ models, running, allowed, outcomes, status: words, growth }) {
      if (models !== shown) {
        shown = models;
        places = new Map(models.map((model) => [model.id, place(model, () => onOpen(model.id))]));
        list.replaceChildren(...[...places.values()].map(({ item }) => item));
        list.style.setProperty('--count', String(places.size));
      }
      const begins = running && cancel.hidden;
      start.disabled = !allowed;
      root.hidden = !running && !outcomes.size;
      swap(start, cancel, running);
      const longest = Math.max(...[...outcomes.values()].map((outcome) => ('size' in outcome ? outcome.size : 0)));
      for (const [id, { show }] of places) show(outcomes.get(id) ?? null, longest, running ? 'waiting' : 'not yet');
      write(status, words);
      write(finding, growth);
      if (begins) root.scrollIntoView({ block: 'nearest' });
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
  const figure = make('p');
  const fill = make('div', { className: 'fill' });
  const result = make('div', { className: 'strip-result', hidden: true }, make('div', { className: 'track' }, fill), figure, seen);
  const item = make('li', {},
    make('div', { className: 'strip-picture' }, canvas, words, open),
    make('h4', {}, name),
    result);
  /** @type {Outcome | null} */
  let shown = null;

  /** @param {Fooled} fooled */
  function showFooled({ picture, label, probability, norm, size }) {
    paint(canvas, picture);
    canvas.ariaLabel = `The changed picture, ${trained}`;
    seen.replaceChildren(make('strong', {}, label), ` ${percent(probability)}`);
    figure.textContent = sizeWords(norm, size);
  }

  return {
    item,

    /** @param {Outcome | null} outcome @param {number} longest the size whose bar is full @param {string} without shown where there is no outcome */
    show(outcome, longest, without) {
      const fooled = outcome && 'picture' in outcome ? outcome : null;
      canvas.hidden = open.hidden = result.hidden = !fooled;
      words.hidden = fooled !== null;
      words.textContent = outcome && 'words' in outcome ? outcome.words : fooled ? '' : without;
      if (fooled && fooled !== shown) showFooled(fooled);
      if (fooled) fill.style.width = `${longest ? (100 * fooled.size) / longest : 0}%`;
      shown = outcome;
    },
  };
}
