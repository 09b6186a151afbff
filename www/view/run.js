// The verdict, the progress of a running search, and its announcements for screen readers.

import { find, make, write } from './dom.js';
import { percent, sizeWords } from '../words.js';

const line = find('verdict', HTMLElement);
const detail = find('detail', HTMLElement);
const doubts = find('doubts', HTMLElement);
const run = find('run', HTMLElement);
const label = find('run-label', HTMLElement);
const value = find('run-figure', HTMLOutputElement);
const meter = find('run-meter', HTMLElement);
const steps = find('run-steps', HTMLProgressElement);
const note = find('run-note', HTMLElement);
const spoken = find('spoken', HTMLElement);

/** Least time between two announcements of the probability for screen readers, in milliseconds. */
const SPOKEN_EVERY = 3000;
let spokenAt = 0;

/** @param {string} words @param {string} [more] @param {'fooled' | 'failed' | ''} [tone] @param {string[]} [reservations] reasons to doubt the words */
export function verdict(words, more = '', tone = '', reservations = []) {
  run.hidden = true;
  line.className = tone;
  write(line, words);
  detail.textContent = more;
  if (doubts.textContent !== reservations.join('')) doubts.replaceChildren(...reservations.map((reservation) => make('li', {}, reservation)));
}

/** @param {import('../bridge.js').Loading} loading */
export const loadingShare = ({ received, bytes }) => `${Math.round((100 * received) / bytes)} % of ${(bytes / 1e6).toFixed(1)} MB`;

/** @param {'the program' | 'the network'} what @param {import('../bridge.js').Loading} state */
export function loading(what, { received, bytes }) {
  if (bytes) verdict(`Loading ${what} (${Math.max(1, Math.round(bytes / 1e6))} MB)…`, `${Math.floor((100 * received) / bytes)} %`);
  else verdict(`Loading ${what}…`);
}

/** @param {import('../../pkg/decoy.js').Prediction} watched the label whose probability falls or, where it is the target, rises */
export function begin(watched) {
  verdict('Searching for a small change that fools it…');
  run.hidden = false;
  label.textContent = `Confidence in “${watched.label}”`;
  spokenAt = performance.now();
  steps.removeAttribute('value');
  show(watched.probability);
  note.textContent = '';
}

/** @param {import('../../pkg/decoy.js').AttackProgress} progress */
export function advance(progress) {
  show(progress.probability);
  steps.max = progress.steps;
  steps.value = progress.step;
  const best = progress.size === null ? 'not fooled yet' : `fooled; smallest change so far ${sizeWords(progress.norm, progress.size)}`;
  note.textContent = `Step ${progress.step} of ${progress.steps}: ${best}`;
  if (performance.now() - spokenAt > SPOKEN_EVERY) {
    spokenAt = performance.now();
    spoken.textContent = `${label.textContent} ${percent(progress.probability)}. ${note.textContent}`;
  }
}

/** The user has ended the search; its best result is being measured. */
export function stopping() {
  note.textContent = 'Cancelled. What is found is measured…';
}

/** @param {number} probability */
function show(probability) {
  value.textContent = percent(probability);
  meter.ariaValueNow = String(Math.round(100 * probability));
  meter.ariaValueText = percent(probability);
  /** @type {HTMLElement} */ (meter.firstElementChild).style.width = `${100 * probability}%`;
}
