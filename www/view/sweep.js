// “Measure here”: the number of pictures, the progress, and a button to cancel.

import { find, make, swap } from './dom.js';
import { duration } from '../words.js';

const form = find('sweep', HTMLFormElement);
const fields = find('sweep-fields', HTMLFieldSetElement);
const images = find('images', HTMLInputElement);
const start = find('sweep-start', HTMLButtonElement);
const cancel = find('sweep-cancel', HTMLButtonElement);
const run = find('sweep-run', HTMLElement);
const progress = find('sweep-progress', HTMLProgressElement);
const count = find('sweep-count', HTMLElement);
const status = find('sweep-status', HTMLElement);
const cost = find('sweep-cost', HTMLElement);

/** Pictures to measure: default and largest number. */
const USUAL = 20;
const MOST = 200;

/** @param {(images: number) => void} onStart @param {() => void} onCancel @param {(images: number) => string} estimate returns the expected duration in words */
export function sweepForm(onStart, onCancel, estimate) {
  /** The family whose pictures are offered. */
  let offered = '';

  form.onsubmit = (event) => {
    event.preventDefault();
    onStart(images.valueAsNumber);
  };
  images.oninput = () => (cost.textContent = estimate(images.valueAsNumber));
  cancel.onclick = () => {
    status.textContent = 'Stopping…';
    onCancel();
  };

  return {
    /** @param {string} family @param {number} all number of pictures @param {boolean} unlabelled whether their classes are unknown @param {string} why they are missing; empty if they are not */
    offer(family, all, unlabelled, why) {
      find('sweep-truth', HTMLElement).hidden = !unlabelled;
      find('sweep-why', HTMLElement).hidden = !why;
      // Text between backticks is a command to type.
      find('sweep-why', HTMLElement).replaceChildren(...why.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part)));
      cost.hidden = why !== '';
      if (family !== offered) {
        offered = family;
        images.max = String(Math.min(MOST, all));
        images.value = String(Math.min(USUAL, all));
        status.textContent = '';
      }
      cost.textContent = estimate(images.valueAsNumber);
    },

    /** @param {boolean} running @param {boolean} relevant @param {boolean} available */
    show(running, relevant, available) {
      form.hidden = !relevant;
      run.hidden = !running;
      if (!running) fields.disabled = !available;
      swap(start, cancel, running);
      if (running) fields.disabled = true;
      progress.removeAttribute('value');
      count.textContent = '';
    },

    /** @param {string} words */
    tell(words) {
      if (status.textContent !== words) status.textContent = words;
    },

    /** @param {import('../../pkg/decoy.js').SweepProgress} state @param {number} networks */
    advance({ done, total, milliseconds, points }, networks) {
      progress.max = total;
      progress.value = done;
      count.textContent = `${done} of ${total} attacks${done ? `, about ${duration((milliseconds * (total - done)) / done)} left` : ''}`;
      // Announced once for each network: for each picture it would be too often for screen readers.
      this.tell(`Measuring network ${Math.max(points.length, 1)} of ${networks}…`);
    },
  };
}
