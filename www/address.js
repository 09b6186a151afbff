// The page's address and its entries in the browser's history: only another picture, network or target adds an entry.

/** @typedef {import('./page.js').Wish} Wish */
/** @typedef {import('./pictures.js').Subject} Subject */
/** @typedef {import('../pkg/decoy.js').Crop} Crop */

/** Changes within this time, in milliseconds, are one entry, such as those of a moving slider. */
const APART = 500;

export class Address {
  /** Picture, network and target of the current history entry, as JSON. @type {string | null} */
  #step = null;
  #when = 0;
  /** The user's own pictures, by their keys in the history; the pictures themselves stay in memory. @type {Map<string, Subject>} */
  #own = new Map();
  #onStep;

  /** @param {() => void} onFollow the address has changed, by going back or by a link @param {() => void} onStep the user has chosen something else */
  constructor(onFollow, onStep) {
    this.#onStep = onStep;
    addEventListener('popstate', () => {
      // The next `show` replaces this entry instead of adding one.
      this.#step = null;
      onFollow();
    });
  }

  /** The user's own picture of the current history entry, or null; `gone` if it is no longer in memory. @returns {Subject | 'gone' | null} */
  own() {
    const key = history.state?.own;
    return key === undefined ? null : (this.#own.get(key) ?? 'gone');
  }

  /** The square of the user's own picture in the current history entry, or null. @returns {Crop | null} */
  crop() {
    return history.state?.crop ?? null;
  }

  /** @param {string} words the part of the address from # on @param {Wish} wish @param {unknown} target */
  show(words, { subject, model, crop }, target) {
    const own = subject && !subject.place ? this.#keyOf(subject) : undefined;
    const state = { own, crop: own && crop };
    const step = JSON.stringify([own ?? subject?.place?.words, model.id, target]);
    const another = this.#step !== null && step !== this.#step;
    if (this.#step === step && words === location.hash && JSON.stringify(state) === JSON.stringify(history.state)) return;
    const now = performance.now();
    const apart = now - this.#when > APART;
    if (another) this.#when = now;
    history[another && apart ? 'pushState' : 'replaceState'](state, '', words);
    this.#step = step;
    if (another) this.#onStep();
  }

  /** @param {Subject} subject */
  #keyOf(subject) {
    const known = [...this.#own].find(([, other]) => other === subject);
    if (known) return known[0];
    // The time makes the keys of a reloaded page different.
    const key = `${performance.timeOrigin}-${this.#own.size}`;
    this.#own.set(key, subject);
    return key;
  }
}
