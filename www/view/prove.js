// “Prove it”: the votes while they are counted, and the certified radius and the adversarial size on one line.

import { find, swap, write } from './dom.js';
import { counted, percent, size } from '../words.js';

/** @typedef {{ size: number, label: string, votes: number }} Turned the smallest change found that turns the vote, and the name that has the most of so many votes then */
/** @typedef {{ sigma: number, label: string, seen: string, certificate: import('../../pkg/decoy.js').Certificate, turned?: Turned | null }} Proved `turned` is null where nothing was found */

/** A radius in words, with three digits and no larger: one that is rounded up is not proved. @param {number} radius */
function provedSize(radius) {
  const unit = 10 ** (Math.floor(Math.log10(radius)) - 2);
  return size('l2', radius > 0 ? Math.floor(radius / unit) * unit : 0);
}

/** @param {{ onStart: () => void, onMore: () => void, onTurn: () => void, onCancel: () => void }} actions */
export function proof({ onStart, onMore, onTurn, onCancel }) {
  const start = find('prove', HTMLButtonElement);
  const more = find('prove-more', HTMLButtonElement);
  const turn = find('prove-turn', HTMLButtonElement);
  const cancel = find('prove-cancel', HTMLButtonElement);
  const field = find('prove-sigma', HTMLInputElement);
  const run = find('prove-run', HTMLElement);
  const progress = find('prove-progress', HTMLProgressElement);
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
    line.setAttribute('aria-label', `Proved up to ${provedSize(radius)}${fooled === null ? '' : `, fooled from ${size('l2', fooled)}`}`);
  }

  /** @param {Proved} proved @param {number | null} fooled */
  function tell({ sigma, label, seen, turned, certificate: { votes, count: all, radius, share } }, fooled) {
    const vote = `${votes.toLocaleString('en')} of ${counted(all, 'vote')} are for “${label}”${label === seen ? '' : `, though without noise it sees “${seen}”`}`;
    const words = [radius === null
      ? `Nothing is proved: ${vote}, which is too few to be certain.`
      : `Proved: no change below ${provedSize(radius)} turns the vote. ${vote}.`];
    if (turned) words.push(`Turned: a change of ${size('l2', turned.size)} gives “${turned.label}” the most of ${counted(turned.votes, 'vote')}.`);
    if (turned === null) words.push('No change that turns the vote was found.');
    if (fooled !== null) words.push(`Fooled: the network by itself, without noise, from ${size('l2', fooled)}.`);
    write(status, words.join(' '));
    note.textContent = `The proof is for this network when it votes under noise of σ = ${sigma}, not for the network by itself. It is wrong with a probability of at most one in a thousand; the share of votes is at least ${percent(share)} then. More votes prove a little more.`;
    draw(radius ?? 0, turned?.size ?? fooled);
  }

  return {
    begin() {
      progress.removeAttribute('value');
      count.textContent = '';
      write(status, 'Finding out how many votes fit into ten seconds…');
      note.textContent = '';
      line.hidden = true;
    },

    /** @param {import('../../pkg/decoy.js').VotingProgress} state @param {string[]} labels */
    advance({ votes, total, by_class }, labels) {
      progress.max = total;
      progress.value = votes;
      const leader = by_class.reduce((best, value, index) => (value > by_class[best] ? index : best), 0);
      const cast = by_class.reduce((sum, value) => sum + value, 0);
      count.textContent = `${votes} of ${total} votes; ${by_class[leader]} of the last ${cast} for “${labels[leader]}”`;
      write(status, 'Voting…');
    },

    beginSearch() {
      progress.removeAttribute('value');
      count.textContent = '';
      write(status, 'Looking for the smallest change that turns the vote…');
    },

    /** @param {number} step @param {number} most of them, if the first try does not turn the vote */
    search(step, most) {
      progress.max = most;
      progress.value = step;
      count.textContent = `${counted(step, 'step')} of at most ${most}`;
    },

    /** Whether the chosen σ can be used; if not, the browser says why. */
    isValid: () => field.reportValidity(),

    /** The chosen σ; undefined for the usual one. */
    sigma: () => (field.value ? Number(field.value) : undefined),

    /** @param {{ running: boolean, available: boolean, proved: Proved | null, fooled: number | null, sigma: number | null }} state */
    show({ running, available, proved, fooled, sigma }) {
      start.disabled = !available;
      run.hidden = !running;
      swap(start, cancel, running, ...(running ? [more, turn] : []));
      more.hidden = running || !proved;
      turn.hidden = more.hidden || proved?.turned !== undefined;
      field.disabled = running;
      field.placeholder = sigma === null ? '' : String(sigma);
      if (running) return;
      if (proved) return tell(proved, fooled);
      line.hidden = true;
      write(status, '');
      note.textContent = sigma === null ? '' : 'The vote takes about ten seconds.';
    },
  };
}
