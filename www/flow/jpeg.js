// The network's prediction if the adversarial picture were saved as JPEG.

import { find } from '../view/dom.js';
import { percent } from '../words.js';

/** @typedef {import('../page.js').Result} Result */

/** JPEG qualities in percent: typical of cameras, and of messengers. */
const QUALITIES = [95, 75];

/** @param {import('../page.js').Page} page @param {import('../session.js').Session} session */
export function jpegFlow(page, session) {
  const line = find('jpeg', HTMLElement);
  /** The last picture that was classified as JPEG. @type {import('../page.js').Picture | null} */
  let asked = null;

  /** @param {Result} result */
  async function readJpeg({ of, outcome: { adversarial, report } }) {
    const { width, height } = of.family.input;
    const advice = `Keep it as PNG, ${width}×${height}: JPEG or resizing usually undoes it.`;
    line.textContent = advice;
    try {
      const bridge = await session.worker();
      const found = [];
      for (const quality of QUALITIES) {
        const seen = await bridge.jpeg(of.model.id, adversarial, quality / 100);
        if (!seen) return;
        const words = seen.class === report.original.class ? 'undone, it reads' : seen.class === report.eight_bit.class ? 'still fooled, it reads' : 'it reads';
        found.push(`at quality ${quality}, ${words} “${seen.label}”, ${percent(seen.probability)} sure`);
      }
      if (asked === adversarial) line.textContent = `${advice} For this picture: as JPEG ${found.join('; ')}.`;
    } catch {
      // Another device was chosen, or the computation stopped. No message here: the next use of the device reports it.
    }
  }

  return {
    show() {
      const { result } = page;
      const misread = result && result.outcome.report.eight_bit.class !== result.outcome.report.original.class;
      line.hidden = !misread;
      if (!misread || result.outcome.adversarial === asked) return;
      asked = result.outcome.adversarial;
      readJpeg(result);
    },
  };
}
