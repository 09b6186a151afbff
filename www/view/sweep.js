// “Measure here”: the number of pictures, the progress, and a button to cancel.

import { find, make, swap, write } from './dom.js';
import { duration } from '../words.js';

const form = find('sweep', HTMLFormElement);
const fields = find('sweep-fields', HTMLFieldSetElement);
const images = find('images', HTMLInputElement);
const start = find('sweep-start', HTMLButtonElement);
const cancel = find('sweep-cancel', HTMLButtonElement);
const run = find('sweep-run', HTMLElement);
const bar = find('sweep-progress', HTMLProgressElement);
const count = find('sweep-count', HTMLElement);
const status = find('sweep-status', HTMLElement);
const cost = find('sweep-cost', HTMLElement);
const reason = find('sweep-why', HTMLElement);

/** Pictures to measure: default and largest number. */
const USUAL = 20;
const MOST = 200;

/** How far the measuring is, and how long it still takes. @param {import('../../pkg/decoy.js').SweepProgress} progress */
const left = ({ done, total, milliseconds }) => `${done} of ${total} attacks${done ? `, about ${duration((milliseconds * (total - done)) / done)} left` : ''}`;

/** @param {(images: number) => void} onStart @param {() => void} onCancel @param {(images: number) => string} estimate returns the expected duration in words */
export function sweepForm(onStart, onCancel, estimate) {
  /** The family whose pictures are offered. */
  let offered = '';

  form.onsubmit = (event) => {
    event.preventDefault();
    onStart(images.valueAsNumber);
  };
  images.oninput = () => (cost.textContent = estimate(images.valueAsNumber));
  cancel.onclick = onCancel;

  return {
    /**
     * @param {{ family: string, pictures: number, unlabelled: boolean, missing: string, visible: boolean, running: boolean, allowed: boolean, status: string, progress: import('../../pkg/decoy.js').SweepProgress | null }} state
     * the number of pictures; whether their classes are unknown; why the pictures are missing, empty if they are not
     */
    show({ family, pictures, unlabelled, missing, visible, running, allowed, status: words, progress }) {
      find('sweep-truth', HTMLElement).hidden = !unlabelled;
      reason.hidden = !missing;
      // Text between backticks is a command to type.
      reason.replaceChildren(...missing.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part)));
      cost.hidden = missing !== '';
      if (family !== offered) {
        offered = family;
        images.max = String(Math.min(MOST, pictures));
        images.value = String(Math.min(USUAL, pictures));
      }
      cost.textContent = estimate(images.valueAsNumber);
      form.hidden = !visible;
      run.hidden = !running;
      if (!running) fields.disabled = !allowed;
      swap(start, cancel, running);
      if (running) fields.disabled = true;
      if (progress) Object.assign(bar, { max: progress.total, value: progress.done });
      else bar.removeAttribute('value');
      count.textContent = progress ? left(progress) : '';
      write(status, words);
    },
  };
}
