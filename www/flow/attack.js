// The attack on the shown picture.

import { dismissErrorBefore } from '../view/alert.js';
import { refutation } from '../check.js';
import { controls } from '../view/controls.js';
import * as run from '../view/run.js';
import { percent } from '../words.js';
import { doJob } from './job.js';

/** @typedef {import('../page.js').Result} Result */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {ReturnType<typeof import('./classify.js').classifyFlow>} classifying
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {ReturnType<typeof import('../view/stage.js').stage>} stage
 */
export function attackFlow(page, session, classifying, form, stage) {
  const buttons = controls({ onFool: attack, onLonger: longer, onCancel: stop });

  async function attack() {
    if (page.ready && !form.read()) return;
    if ((page.runs('classify') || !page.shown) && !(await classifying.done())) return;
    const options = form.read();
    if (!page.shown || !options) return;

    const of = page.shown;
    const [{ label, probability }] = of.predictions;
    if (label === options.target && probability >= (options.sure ?? 0)) {
      run.verdict(`The network sees “${label}” already, ${percent(probability)} sure.`, 'Choose another name for it to see, or leave that field empty.', 'failed');
      return;
    }
    await doJob(page, session, 'attack', async (job) => {
      const { signal } = job;
      page.best = page.result = null;
      page.changed();
      run.begin(of.predictions.find(({ label }) => label === options.target) ?? of.predictions[0]);
      job.enough.signal.onabort = run.stopping;
      /** @type {import('../page.js').Stopped} */
      let reached = { step: 0, steps: 0 };
      const bridge = await job.wait(session.worker());
      const outcome = await job.wait(bridge.attack(of.model.id, of.picture, options, {
        signal,
        enough: job.enough.signal,
        progress: (progress) => {
          if (signal.aborted) return;
          job.hasResult = progress.found;
          reached = progress;
          if (!job.enough.signal.aborted) run.advance(progress);
          const { best, norm, size } = progress;
          if (!best) return;
          page.best = { of, picture: best, norm, size: size ?? NaN };
          stage.showBest(page.best);
        },
      }));
      const stopped = job.enough.signal.aborted && reached.step < reached.steps ? { step: reached.step, steps: reached.steps } : undefined;
      // A search that was stopped early is not comparable with others.
      if (!stopped) page.record(options, of.model, outcome.report);
      dismissErrorBefore(job);
      settle({ of, options, outcome, stopped, device: /** @type {NonNullable<typeof session.device>} */ (session.device) });
    }, { retry: attack });
  }

  /** Shows the result. A result of a GPU is shown first, then checked on the CPU. @param {Result} result */
  async function settle(result) {
    const { of, options, outcome, device } = result;
    page.best = null;
    page.result = result;
    const { success, original, eight_bit } = outcome.report;
    if (device.kind === 'cpu' || (!success && eight_bit.class === original.class)) return;
    const seen = session.worker().then((bridge) => bridge.check(of.model.id, outcome.adversarial));
    /** @type {import('../page.js').Check} */
    const check = await seen.then((seen) => ({ seen }), ({ message }) => ({ failed: message }));
    if (page.result !== result) return;
    page.result = { ...result, check };
    if (refutation(page.result)) page.record(options, of.model, { ...outcome.report, success: false });
    page.changed();
  }

  /** The same search with twice as many steps. */
  function longer() {
    form.lengthen();
    attack();
  }

  /** Ends the current job, or the start of the program. */
  function stop() {
    page.job?.cancel();
    session.abandon();
  }

  return {
    attack,
    settle,

    show() {
      const { wanted, shown, result, best, note } = page;
      const [classifying, attacking] = [page.runs('classify'), page.runs('attack')];
      stage.show({ wanted, shown, result, best, note, classifying, attacking });
      buttons.show({
        cancel: attacking || classifying,
        late: classifying,
        longer: page.allows('longer') && form.improves(result?.outcome.report.success ?? false),
        attack: page.allows('attack'),
        classify: page.allows('classify'),
        settings: page.allows('settings'),
        device: page.allows('device'),
      });
    },
  };
}
