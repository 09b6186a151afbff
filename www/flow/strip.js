// The noise strip: the shown picture attacked on every network of its family, one after the other.

import { strip } from '../view/strip.js';
import * as run from '../view/run.js';
import { attackWords, counted, duration } from '../view/words.js';

/** @typedef {import('../page.js').Family} Family */
/** @typedef {import('../page.js').Picture} Picture */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 */
export function stripFlow(page, session, form) {
  const widget = strip(fill, () => page.job?.abort());
  /** @type {Family | null} */
  let family = null;
  /** @type {Picture | null} */
  let picture = null;

  async function fill() {
    const options = form.read();
    if (!page.shown || !options) return;
    const of = page.shown;
    const job = page.begin('strip');
    const { signal } = job;
    const began = performance.now();
    page.changed();
    widget.begin();
    for (const { id, sigma } of of.family.models) {
      const tell = (/** @type {string} */ words) => signal.aborted || widget.progress(id, { words });
      try {
        tell('preparing');
        const bridge = await job.wait(session.worker());
        const { report, adversarial } = await job.wait(bridge.attack(id, of.picture, options, {
          signal,
          loading: (state) => tell(run.loadingShare(state)),
          progress: ({ step, steps }) => tell(`step ${step} of ${steps}`),
        }));
        page.record(options, sigma, report);
        widget.result(id, report.success
          ? { picture: adversarial, label: labelled(report, of), probability: report.adversarial.probability, norm: report.norm, size: report.norms[report.norm] }
          : { failed: 'not fooled' });
      } catch (error) {
        if (signal.aborted) break;
        session.leaveGpu();
        widget.result(id, { failed: error instanceof Error ? error.message : String(error) });
      }
    }
    widget.end(signal.aborted
      ? 'Cancelled. What was found until then stays.'
      : `${attackWords(options, form.info(options.attack))}: ${counted(of.family.models.length, 'network')} in ${duration(performance.now() - began)}.`);
    page.end(job);
  }

  return {
    show() {
      if (family !== page.wanted.family) {
        family = page.wanted.family;
        widget.show(family.models);
      }
      // Another picture has other results.
      if (picture !== (page.shown?.picture ?? null)) {
        picture = page.shown?.picture ?? null;
        widget.clear();
      }
      widget.enabled(page.shown?.family === family && form.ready() && (!page.job || page.job.kind === 'strip'));
    },
  };
}

/**
 * What the network sees now; and before, if it was something else than the network on the page sees.
 * @param {import('../page.js').AttackReport} report @param {import('../page.js').Shown} of
 */
function labelled({ original, adversarial }, { predictions: [seen] }) {
  return original.label === seen.label ? adversarial.label : `${adversarial.label} (before: ${original.label})`;
}
