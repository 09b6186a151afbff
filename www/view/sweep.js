// “Measure here”: how many pictures, how far it is, and the way to stop.

import { find, make } from './dom.js';
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

/** Pictures that are measured if nobody says how many, and the most that one has the patience for. */
const USUAL = 20;
const MOST = 200;

/** @param {(images: number) => void} onStart @param {() => void} onCancel @param {(images: number) => string} weigh says how long it takes */
export function sweepForm(onStart, onCancel, weigh) {
  /** Whose pictures are offered. */
  let offered = '';

  form.onsubmit = (event) => {
    event.preventDefault();
    onStart(images.valueAsNumber);
  };
  images.oninput = () => (cost.textContent = weigh(images.valueAsNumber));
  cancel.onclick = () => {
    status.textContent = 'Stopping…';
    onCancel();
  };

  return {
    /** @param {string} family @param {number} all how many pictures there are @param {boolean} unlabelled whether it is not known what they show @param {string} why they are not here */
    offer(family, all, unlabelled, why) {
      find('sweep-truth', HTMLElement).hidden = !unlabelled;
      find('sweep-why', HTMLElement).hidden = !why;
      // What is to be typed stands between backticks.
      find('sweep-why', HTMLElement).replaceChildren(...why.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part)));
      cost.hidden = why !== '';
      if (family !== offered) {
        offered = family;
        images.max = String(Math.min(MOST, all));
        images.value = String(Math.min(USUAL, all));
        status.textContent = '';
      }
      cost.textContent = weigh(images.valueAsNumber);
    },

    /** @param {boolean} running @param {boolean} relevant @param {boolean} available */
    show(running, relevant, available) {
      form.hidden = !relevant;
      // The keyboard stays where it was pressed: on the button that takes the other's place.
      const focused = document.activeElement === start || document.activeElement === cancel;
      if (!running) fields.disabled = !available;
      start.hidden = cancel.hidden = false;
      if (focused) (running ? cancel : start).focus();
      start.hidden = running;
      cancel.hidden = run.hidden = !running;
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
      // Told once a network: a live region that changes with every picture is noise.
      this.tell(`Measuring network ${Math.max(points.length, 1)} of ${networks}…`);
    },
  };
}
