// The page's address and its steps in the browser's history: another picture, network or target is a step, all else is not.

/** @typedef {import('./page.js').Wish} Wish */
/** @typedef {import('./pictures.js').Subject} Subject */

/** Steps that follow each other faster, in milliseconds, are one: a slider on its way. */
const APART = 500;

export class Address {
  /** What the last entry of the history is a step to. @type {string | null} */
  #step = null;
  #when = 0;
  /** Pictures of one's own, by what stands for them in the history: their bytes stay here. @type {Map<string, Subject>} */
  #own = new Map();
  #onStep;

  /** @param {() => void} onFollow the address is another one: a step back, or a link @param {() => void} onStep somebody has chosen something else */
  constructor(onFollow, onStep) {
    this.#onStep = onStep;
    addEventListener('popstate', () => {
      // What is there now is replaced by the page's own words for it.
      this.#step = null;
      onFollow();
    });
  }

  /** The picture of one's own that the address stands for, or nothing; `gone` where the page no longer has it. @returns {Subject | 'gone' | null} */
  own() {
    const key = history.state?.own;
    return key === undefined ? null : (this.#own.get(key) ?? 'gone');
  }

  /** @param {string} words after the page's own address @param {Wish} wish @param {unknown} target */
  show(words, { subject, model }, target) {
    const own = subject && !subject.place ? this.#keyOf(subject) : undefined;
    const step = JSON.stringify([own ?? subject?.place?.words, model.id, target]);
    const another = this.#step !== null && step !== this.#step;
    if (this.#step === step && words === location.hash) return;
    const now = performance.now();
    const apart = now - this.#when > APART;
    if (another) this.#when = now;
    history[another && apart ? 'pushState' : 'replaceState']({ own }, '', words);
    this.#step = step;
    if (another) this.#onStep();
  }

  /** @param {Subject} subject */
  #keyOf(subject) {
    const known = [...this.#own].find(([, other]) => other === subject);
    if (known) return known[0];
    // A page that is loaded again has other keys.
    const key = `${performance.timeOrigin}-${this.#own.size}`;
    this.#own.set(key, subject);
    return key;
  }
}
