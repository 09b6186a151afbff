// A certificate for the shown picture by votes under noise, compared with the result of an attack.

import { proof } from '../view/prove.js';

/** Approximate time of the first round of votes, in milliseconds. */
const PATIENCE = 10_000;

/** Votes that choose the class, and the smallest and largest number of votes counted for it. */
const [CHOOSE, LEAST, MOST] = [100, 100, 10_000];

/** The probability that a certificate is wrong is at most this. */
const ALPHA = 0.001;

/** @typedef {import('../page.js').Shown} Shown */

/** @param {import('../page.js').Page} page @param {import('../session.js').Session} session */
export function proveFlow(page, session) {
  const widget = proof(() => prove(1), () => prove(10), () => page.job?.abort());
  /** The last certificate, and its picture. @type {{ of: Shown, sigma: number, certificate: import('../../pkg/decoy.js').Certificate } | null} */
  let proved = null;

  /** The σ of the votes: that of the network's training, or, if it had no noise, that of the next network. @param {Shown} shown */
  function noiseOf({ family, model }) {
    return model.sigma || (family.models.find(({ sigma }) => sigma > 0)?.sigma ?? 0.1);
  }

  /** Counts `times` as many votes as fit into ten seconds. Their number is fixed before the first is counted. @param {number} times */
  async function prove(times) {
    const of = page.shown;
    if (!of) return;
    const sigma = noiseOf(of);
    const job = page.begin('proof');
    proved = null;
    page.changed();
    widget.begin();
    try {
      const bridge = await job.wait(session.worker());
      const options = { sigma, choose: 8, count: 24, alpha: ALPHA, seed: 1 };
      await job.wait(bridge.certify(of.model.id, of.picture, { ...options, choose: 1, count: 1 }, { signal: job.signal }));
      const began = performance.now();
      await job.wait(bridge.certify(of.model.id, of.picture, options, { signal: job.signal }));
      const each = (performance.now() - began) / (options.choose + options.count);
      const fitting = Math.round(PATIENCE / each / 100) * 100;
      const count = times * Math.min(Math.max(fitting, LEAST), MOST);
      const certificate = await job.wait(bridge.certify(of.model.id, of.picture, { sigma, choose: CHOOSE, count, alpha: ALPHA, seed: 0 }, {
        signal: job.signal,
        progress: (state) => job.signal.aborted || widget.advance(state, of.family.labels),
      }));
      proved = { of, sigma, certificate };
    } catch (error) {
      session.leaveGpu();
      page.fail(job, error, () => prove(times));
    } finally {
      page.end(job);
    }
  }

  return {
    show() {
      if (proved && page.shown?.picture !== proved.of.picture) proved = null;
      const here = proved && page.shown?.model === proved.of.model ? proved : null;
      const report = page.result?.of.model === here?.of.model ? page.result?.outcome.report : undefined;
      const label = here && here.of.family.labels[here.certificate.class];
      const seen = page.shown?.predictions[0].label;
      // The two bounds belong together only if the vote is for the name that the attack changed.
      const fooled = report?.eight_bit.success && report.target === null && label === seen ? report.eight_bit.norms.l2 : null;
      widget.show({
        running: page.job?.kind === 'proof',
        available: page.shown !== null && page.allows('proof'),
        proved: here && { ...here, label: label ?? '', seen: seen ?? '' },
        fooled,
        sigma: page.shown && noiseOf(page.shown),
      });
    },
  };
}
