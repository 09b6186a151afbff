// The attack on the picture that is shown.

import { forgive } from '../view/alert.js';
import { refutation } from '../view/keep.js';
import * as run from '../view/run.js';
import { percent } from '../view/words.js';

/** @typedef {import('../page.js').Result} Result */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {ReturnType<typeof import('./look.js').looking>} looking
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {(best: import('../page.js').Best) => void} onBest a smaller change has been found on the way
 */
export function attacking(page, session, looking, form, onBest) {
  async function attack() {
    if (form.ready() && !form.read()) return;
    if ((page.job?.kind === 'look' || !page.shown) && !(await looking.done())) return;
    const options = form.read();
    if (!page.shown || !options) return;

    const of = page.shown;
    const [{ label, probability }] = of.predictions;
    if (label === options.target && probability >= (options.sure ?? 0)) {
      run.tell(`The network sees “${label}” already, ${percent(probability)} sure.`, 'Choose another name for it to see, or leave that field empty.', 'failed');
      return;
    }
    const job = page.begin('attack');
    const { signal } = job;
    page.best = page.result = null;
    page.changed();
    run.begin(of.predictions.find(({ label }) => label === options.target) ?? of.predictions[0]);
    try {
      const bridge = await job.wait(session.worker());
      const outcome = await job.wait(bridge.attack(of.model.id, of.picture, options, {
        signal,
        progress: (progress) => {
          if (signal.aborted) return;
          run.advance(progress);
          const { best, norm, size } = progress;
          if (!best) return;
          page.best = { of, picture: best, norm, size: size ?? NaN };
          onBest(page.best);
        },
      }));
      page.best = null;
      page.result = { of, options, outcome, device: /** @type {NonNullable<typeof session.device>} */ (session.device) };
      page.record(options, of.model.sigma, outcome.report);
      forgive(job);
      check(bridge, page.result);
    } catch (error) {
      session.leaveGpu();
      page.fail(job, error, attack);
    } finally {
      page.end(job);
    }
  }

  /** What a GPU has found is looked at by the CPU too, once it is shown. @param {import('../bridge.js').Bridge} bridge @param {Result} result */
  async function check(bridge, result) {
    const { of, options, outcome, device } = result;
    if (device.kind === 'cpu' || !outcome.report.success) return;
    /** @type {import('../page.js').Check} */
    const check = await bridge.check(of.model.id, outcome.adversarial).then((seen) => ({ seen }), ({ message }) => ({ failed: message }));
    if (page.result !== result) return;
    page.result = { ...result, check };
    if (refutation(page.result)) page.record(options, of.model.sigma, { ...outcome.report, success: false });
    page.changed();
  }

  return {
    attack,

    /** The same search with twice as many steps. */
    longer() {
      form.lengthen();
      attack();
    },
  };
}
