// Whether the picture that fools this network also fools the others of its family.

import { otherNetworks } from '../view/others.js';
import * as run from '../view/run.js';
import { counted } from '../words.js';
import { doJob } from './job.js';

/** @typedef {import('../page.js').Result} Result */
/** @typedef {import('../view/others.js').Seen} Seen */

/** @param {import('../page.js').Page} page @param {import('../session.js').Session} session */
export function othersFlow(page, session) {
  const widget = otherNetworks(ask, () => page.job?.abort());
  /** The result, and the predictions of each network for it. @type {{ outcome: Result['outcome'], seen: Map<string, Seen> } | null} */
  let answers = null;
  let status = '';

  async function ask() {
    if (!page.result) return;
    const { of, outcome } = page.result;
    const { models } = of.family;
    /** @type {Map<string, Seen>} */
    const seen = new Map();
    answers = { outcome, seen };
    await doJob(page, session, 'others', async (job) => {
      page.changed();
      const bridge = await job.wait(session.worker());
      for (const { id } of models) {
        const loading = (/** @type {import('../bridge.js').Loading} */ state) => job.signal.aborted || say(run.loadingShare(state));
        say(`${seen.size} of ${counted(models.length, 'network')}`);
        const [before] = await job.wait(bridge.predict(id, of.picture, { signal: job.signal, loading }));
        const [after] = await job.wait(bridge.predict(id, outcome.adversarial, { signal: job.signal }));
        seen.set(id, { before, after });
        page.changed();
      }
      const fooled = [...seen].filter(([id, { before, after }]) => id !== of.model.id && before.class !== after.class).length;
      const others = models.length - 1;
      say(others === 1 ? `It ${fooled ? 'fools' : 'does not fool'} the other network.` : `It fools ${fooled} of the ${counted(others, 'other network')}.`);
    }, { retry: ask, failed: (cancelled) => say(cancelled ? 'Cancelled.' : '') });
  }

  /** @param {string} words */
  function say(words) {
    status = words;
    show();
  }

  function show() {
    const { result } = page;
    if (answers && answers.outcome !== result?.outcome) {
      answers = null;
      status = '';
    }
    widget.show({
      visible: page.offers('others'),
      running: page.runs('others'),
      allowed: page.allows('others'),
      status,
      models: result?.of.family.models ?? [],
      made: result?.of.model ?? null,
      seen: answers?.seen ?? null,
    });
  }

  return { show };
}
