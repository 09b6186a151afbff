// “Prove it”: the votes while they are counted, and the certified radius and the adversarial size on one line.

import { find, swap, write } from './dom.js';
import { counted, percent, sizeWords } from '../words.js';

/** @typedef {{ size: number, label: string, votes: number }} Turned the smallest change found that turns the vote, and the name that has the most of so many votes then */
/** @typedef {{ sigma: number, label: string, seen: string, certificate: import('../../pkg/decoy.js').Certificate, turned?: Turned | null }} Proved `turned` is null where nothing was found */
/** @typedef {{ words: string, done?: number, all?: number, count: string }} Progress what is being done, and how far it is, once that is known */

/** A radius in words, with three digits and no larger: one that is rounded up is not proved. @param {number} radius */
function provedSize(radius) {
  const unit = 10 ** (Math.floor(Math.log10(radius)) - 2);
  return sizeWords('l2', radius > 0 ? Math.floor(radius / unit) * unit : 0);
}

/** @param {{ onStart: () => void, onMore: () => void, onTurn: () => void, onCancel: () => void }} actions */
export function proof({ onStart, onMore, onTurn, onCancel }) {
  const start = find('prove', HTMLButtonElement);
  const more = find('prove-more', HTMLButtonElement);
  const turn = find('prove-turn', HTMLButtonElement);
  const cancel = find('prove-cancel', HTMLButtonElement);
  const field = find('prove-sigma', HTMLInputElement);
  const run = find('prove-run', HTMLElement);
  const bar = find('prove-progress', HTMLProgressElement);
  const count = find('prove-count', HTMLElement);
  const status = find('prove-status', HTMLElement);
  const line = find('prove-line', HTMLElement);
  const note = find('prove-note', HTMLElement);
  start.onclick = onStart;
  more.onclick = onMore;
  turn.onclick = onTurn;
  cancel.onclick = onCancel;

  /** Draws both sizes to scale. @param {number} radius @param {number | null} fooled */
  function draw(radius, fooled) {
    const whole = 1.15 * Math.max(radius, fooled ?? 0);
    line.hidden = whole === 0;
    line.style.setProperty('--proved', `${(100 * radius) / whole}%`);
    line.style.setProperty('--fooled', `${fooled === null ? 100 : (100 * fooled) / whole}%`);
    line.classList.toggle('open', fooled === null);
    line.setAttribute('aria-label', `Proved up to ${provedSize(radius)}${fooled === null ? '' : `, fooled from ${sizeWords('l2', fooled)}`}`);
  }

  /** What is known, in words. @param {Proved} proved @param {number | null} fooled */
  function verdict({ label, seen, turned, certificate: { votes, count: all, radius } }, fooled) {
    const vote = `${votes.toLocaleString('en')} of ${counted(all, 'vote')} are for “${label}”${label === seen ? '' : `, though without noise it sees “${seen}”`}`;
    return [
      radius === null
        ? `Nothing is proved: ${vote}, which is too few to be certain.`
        : `Proved: no change below ${provedSize(radius)} turns the vote. ${vote}.`,
      turned && `Turned: a change of ${sizeWords('l2', turned.size)} gives “${turned.label}” the most of ${counted(turned.votes, 'vote')}.`,
      turned === null && 'No change that turns the vote was found.',
      fooled !== null && `Fooled: the network by itself, without noise, from ${sizeWords('l2', fooled)}.`,
    ].filter(Boolean).join(' ');
  }

  /** @param {Proved} proved */
  const conditions = ({ sigma, certificate: { share } }) => `The proof is for this network when it votes under noise of σ = ${sigma}, not for the network by itself. It is wrong with a probability of at most one in a thousand; the share of votes is at least ${percent(share)} then. More votes prove a little more.`;

  return {
    /** Whether the chosen σ can be used; if not, the browser says why. */
    isValid: () => field.reportValidity(),

    /** The chosen σ; undefined for the usual one. */
    sigma: () => (field.value ? Number(field.value) : undefined),

    /** @param {{ running: boolean, allowed: boolean, progress: Progress, proved: Proved | null, fooled: number | null, sigma: number | null }} state `progress`: of the job that runs; `sigma`: the usual one */
    show({ running, allowed, progress, proved, fooled, sigma }) {
      start.disabled = !allowed;
      run.hidden = !running;
      swap(start, cancel, running, ...(running ? [more, turn] : []));
      more.hidden = running || !proved;
      turn.hidden = more.hidden || proved?.turned !== undefined;
      field.disabled = running;
      field.placeholder = sigma === null ? '' : String(sigma);
      bar.max = progress.all ?? 1;
      if (progress.done === undefined) bar.removeAttribute('value');
      else bar.value = progress.done;
      count.textContent = progress.count;
      write(status, running ? progress.words : proved ? verdict(proved, fooled) : '');
      note.textContent = proved ? conditions(proved) : running || sigma === null ? '' : 'The vote takes about ten seconds.';
      if (proved) draw(proved.certificate.radius ?? 0, proved.turned?.size ?? fooled);
      else line.hidden = true;
    },
  };
}
