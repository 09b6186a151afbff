// A certificate for the shown picture by votes under noise, and the change that turns this vote.

import { clamp } from '../clamp.js';
import { proof } from '../view/prove.js';
import { counted } from '../words.js';
import { doJob } from './job.js';

/** Approximate time of the first round of votes, in milliseconds. */
const FIRST_ROUND = 10_000;

/** Votes that choose the class, and the smallest and largest number of votes counted for it. */
const [CHOOSE, LEAST, MOST] = [100, 100, 10_000];

/** The probability that a certificate is wrong is at most this. */
const ALPHA = 0.001;

/** Steps of the attack on the vote; the most and the fewest copies of the picture that it looks at. */
const [STEPS, DRAWS, FEWEST_DRAWS] = [20, 16, 4];

/** The attack sees few noisy copies. If the full vote does not change, it is repeated with the next of these probabilities of the wrong name. */
const SURE = [0.5, 0.8, 0.95];

/** @typedef {import('../page.js').Shown} Shown */

/** @param {import('../page.js').Page} page @param {import('../session.js').Session} session */
export function proveFlow(page, session) {
  const widget = proof({ onStart: () => prove(1), onMore: () => prove(10), onTurn: turnVote, onCancel: () => page.job?.abort() });
  /** The last certificate, its picture, the milliseconds of a vote, and what turns it, once this was looked for. @type {{ of: Shown, sigma: number, certificate: import('../../pkg/decoy.js').Certificate, voteTime: number, turned?: import('../view/prove.js').Turned | null } | null} */
  let proved = null;
  /** @type {import('../view/prove.js').Progress} */
  let progress = { words: '', count: '' };

  /** @param {import('../view/prove.js').Progress} next */
  function advance(next) {
    progress = next;
    show();
  }

  /** The usual σ of the votes: that of the network's training, or, if it had no noise, that of the next network. @param {Shown} shown */
  function noiseOf({ family, model }) {
    return model.sigma || (family.models.find(({ sigma }) => sigma > 0)?.sigma ?? 0.1);
  }

  /** Counts `times` as many votes as fit into ten seconds. Their number is fixed before the first is counted. @param {number} times */
  async function prove(times) {
    const of = page.shown;
    if (!of || !widget.isValid()) return;
    const sigma = widget.sigma() ?? noiseOf(of);
    await doJob(page, session, 'proof', async (job) => {
      proved = null;
      progress = { words: 'Finding out how many votes fit into ten seconds…', count: '' };
      page.changed();
      const bridge = await job.wait(session.worker());
      const options = { sigma, choose: 8, count: 24, alpha: ALPHA, seed: 1 };
      await job.wait(bridge.certify(of.model.id, of.picture, { ...options, choose: 1, count: 1 }, { signal: job.signal }));
      const began = performance.now();
      await job.wait(bridge.certify(of.model.id, of.picture, options, { signal: job.signal }));
      const voteTime = (performance.now() - began) / (options.choose + options.count);
      const fitting = Math.round(FIRST_ROUND / voteTime / 100) * 100;
      const count = times * clamp(fitting, LEAST, MOST);
      const certificate = await job.wait(bridge.certify(of.model.id, of.picture, { sigma, choose: CHOOSE, count, alpha: ALPHA, seed: 0 }, {
        signal: job.signal,
        progress: (state) => job.signal.aborted || advance({ words: 'Voting…', done: state.votes, all: state.total, count: leaderOf(state, of.family.labels) }),
      }));
      proved = { of, sigma, certificate, voteTime };
    }, { retry: () => prove(times) });
  }

  /** Looks for the smallest change with which the vote is for another name. */
  async function turnVote() {
    if (!proved) return;
    const { of, sigma, certificate, voteTime } = proved;
    await doJob(page, session, 'proof', async (job) => {
      const words = 'Looking for the smallest change that turns the vote…';
      progress = { words, count: '' };
      page.changed();
      const bridge = await job.wait(session.worker());
      const most = SURE.length * STEPS; // if the first try does not turn the vote
      // A step is a forward and a backward pass of every copy, three times the cost of a vote.
      const draws = clamp(Math.round(FIRST_ROUND / (3 * STEPS * voteTime)), FEWEST_DRAWS, DRAWS);
      /** @type {import('../view/prove.js').Turned | null} */
      let turned = null;
      for (const [round, sure] of SURE.entries()) {
        const { report, adversarial } = await job.wait(bridge.attack(of.model.id, of.picture, { attack: 'ddn', steps: STEPS, sure }, {
          signal: job.signal,
          progress: ({ step }) => {
            const done = round * STEPS + step;
            if (!job.signal.aborted) advance({ words, done, all: most, count: `${counted(done, 'step')} of at most ${most}` });
          },
        }, { sigma, draws }));
        if (!report.eight_bit.success) continue;
        const vote = { sigma, choose: CHOOSE, count: 1, alpha: ALPHA, seed: 2 };
        const votes = await job.wait(bridge.certify(of.model.id, adversarial, vote, { signal: job.signal }));
        if (votes.class === certificate.class) continue;
        turned = { size: report.eight_bit.norms.l2, label: of.family.labels[votes.class], votes: CHOOSE };
        break;
      }
      if (proved?.certificate === certificate) proved.turned = turned;
    }, { retry: turnVote });
  }

  function show() {
    if (proved && page.shown?.picture !== proved.of.picture) proved = null;
    const here = proved && page.shown?.model === proved.of.model ? proved : null;
    const report = page.result?.of.model === here?.of.model ? page.result?.outcome.report : undefined;
    const label = here && here.of.family.labels[here.certificate.class];
    const seen = page.shown?.predictions[0].label;
    // The two bounds belong together only if the vote is for the name that the attack changed.
    const fooled = report?.eight_bit.success && report.target === null && label === seen ? report.eight_bit.norms.l2 : null;
    widget.show({
      running: page.runs('proof'),
      allowed: page.allows('proof'),
      progress,
      proved: here && { ...here, label: label ?? '', seen: seen ?? '' },
      fooled,
      sigma: page.shown && noiseOf(page.shown),
    });
  }

  return { show };
}

/** The votes so far, and the name that leads. @param {import('../../pkg/decoy.js').VotingProgress} progress @param {string[]} labels */
function leaderOf({ votes, total, by_class }, labels) {
  const leader = by_class.reduce((best, value, index) => (value > by_class[best] ? index : best), 0);
  const cast = by_class.reduce((sum, value) => sum + value, 0);
  return `${votes} of ${total} votes; ${by_class[leader]} of the last ${cast} for “${labels[leader]}”`;
}
