// The network's prediction if the adversarial picture were saved as JPEG.

import { jpegLine } from '../view/jpeg.js';
import { percent } from '../words.js';

/** @typedef {import('../page.js').Result} Result */

/** JPEG qualities in percent: typical of cameras, and of messengers. */
const QUALITIES = [95, 75];

/** @param {import('../page.js').Page} page @param {import('../session.js').Session} session */
export function jpegFlow(page, session) {
  const widget = jpegLine();
  /** The last picture that was classified as JPEG. @type {import('../page.js').Picture | null} */
  let tested = null;
  let words = '';

  /** @param {Result} result */
  async function test({ of, outcome: { adversarial, report } }) {
    const { width, height } = of.family.input;
    const advice = `Keep it as PNG, ${width}×${height}: JPEG or resizing usually undoes it.`;
    tested = adversarial;
    words = advice;
    try {
      const bridge = await session.worker();
      const readings = [];
      for (const quality of QUALITIES) {
        const seen = await bridge.jpeg(of.model.id, adversarial, quality / 100);
        if (!seen) return;
        const verdict = seen.class === report.original.class ? 'undone, it reads' : seen.class === report.eight_bit.class ? 'still fooled, it reads' : 'it reads';
        readings.push(`at quality ${quality}, ${verdict} “${seen.label}”, ${percent(seen.probability)} sure`);
      }
      if (tested !== adversarial) return;
      words = `${advice} For this picture: as JPEG ${readings.join('; ')}.`;
      show();
    } catch {
      // Another device was chosen, or the computation stopped. No message here: the next use of the device reports it.
    }
  }

  function show() {
    const { misread } = page;
    if (misread && misread.outcome.adversarial !== tested) test(misread);
    widget.show({ visible: misread !== null, words });
  }

  return { show };
}
