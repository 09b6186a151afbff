// What the user can save: the picture, the report, a link.

import { refutation } from '../check.js';
import { isOwnFile } from '../contents.js';
import { report } from '../report.js';
import { copyOnClick } from './copy.js';
import { find } from './dom.js';
import { percent, sizeWords } from '../words.js';

/** @typedef {import('../page.js').Result} Result */

/** The CPU's prediction for the result of a GPU, in words. @param {Result} result */
function second(result) {
  if (result.device.kind === 'cpu') return '';
  if (!result.check) return 'The CPU checks it now.';
  if ('failed' in result.check) return `It could not be checked on the CPU: ${result.check.failed}`;
  return refutation(result) || `The CPU sees the same, ${percent(result.check.seen.probability)} sure.`;
}

export function saveForm() {
  const picture = find('download', HTMLAnchorElement);
  const json = find('download-report', HTMLAnchorElement);
  const copy = find('copy-link', HTMLButtonElement);
  const copied = find('copied', HTMLElement);
  /** @type {Result | null} */
  let offered = null;
  /** The address of the link. */
  let address = '';

  copyOnClick(copy, copied, () => address, () => `The browser does not let this page copy. The link is: ${address}`);
  copy.disabled = false;

  /** @param {HTMLAnchorElement} link @param {Blob} blob @param {string} name */
  function offer(link, blob, name) {
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(blob);
    link.download = name;
  }

  /** @param {Result} result */
  async function offerResult(result) {
    const { of, outcome } = result;
    const network = isOwnFile(of.model) ? of.model.id.replace(/\W+/g, '-') : `sigma-${of.model.sigma.toFixed(2)}`;
    const name = `${of.subject.slug}-${network}-${outcome.report.attack}`;
    const { norm, eight_bit: { success, label, probability, norms } } = outcome.report;
    offer(picture, new Blob([new Uint8Array(outcome.png)], { type: 'image/png' }), `${name}.png`);
    const first = success
      ? `Checked: the saved 8-bit file is still misread as “${label}”, ${percent(probability)} sure (${sizeWords(norm, norms[norm])}).`
      : `The saved 8-bit file is read as “${label}”, ${percent(probability)} sure (${sizeWords(norm, norms[norm])}).`;
    find('eight-bit', HTMLElement).textContent = `${first} ${second(result)}`;
    const words = JSON.stringify(await report(result), null, 2);
    if (result === offered) offer(json, new Blob([`${words}\n`], { type: 'application/json' }), `${name}.json`);
  }

  return {
    /** @param {{ result: Result | null, words: string, missing: string, repeats: boolean }} state the part of the address from # on; what it cannot contain, in words; and whether it repeats the attack */
    show({ result, words, missing, repeats }) {
      const { report } = result?.outcome ?? {};
      picture.hidden = !report || (!report.success && report.eight_bit.class === report.original.class);
      find('eight-bit', HTMLElement).hidden = picture.hidden;
      const { href } = new URL(words, location.href);
      if (href !== address) copied.textContent = '';
      find('link-address', HTMLElement).textContent = address = href;
      find('link-note', HTMLElement).textContent = missing
        ? `The link opens the rest, but not ${missing}: that stays with you.`
        : repeats ? 'The link opens this picture and network, and repeats the attack at once.'
        : 'The link opens this picture, network and attack. It only opens them: to attack, press the button.';
      if (result === offered) return;
      offered = result;
      if (result) offerResult(result);
    },
  };
}
