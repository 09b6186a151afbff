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
  let asked = null;

  async function ask() {
    if (!page.result) return;
    const { of, outcome } = page.result;
    const { models } = of.family;
    const here = { outcome, seen: new Map() };
    asked = here;
    await doJob(page, session, 'others', async (job) => {
      page.changed();
      const bridge = await job.wait(session.worker());
      for (const { id } of models) {
        const loading = (/** @type {import('../bridge.js').Loading} */ state) => job.signal.aborted || widget.tell(run.loadingShare(state));
        widget.tell(`${here.seen.size} of ${counted(models.length, 'network')}`);
        const [before] = await job.wait(bridge.predict(id, of.picture, { signal: job.signal, loading }));
        const [after] = await job.wait(bridge.predict(id, outcome.adversarial, { signal: job.signal }));
        here.seen.set(id, { before, after });
        page.changed();
      }
      const fooled = models.filter(({ id }) => id !== of.model.id && here.seen.get(id).before.class !== here.seen.get(id).after.class).length;
      const others = models.length - 1;
      widget.tell(others === 1 ? `It ${fooled ? 'fools' : 'does not fool'} the other network.` : `It fools ${fooled} of the ${counted(others, 'other network')}.`);
    }, { retry: ask, failed: (cancelled) => widget.tell(cancelled ? 'Cancelled.' : '') });
  }

  return {
    show() {
      const { result } = page;
      const report = result?.outcome.report;
      if (asked && asked.outcome !== result?.outcome) {
        asked = null;
        widget.tell('');
      }
      widget.show({
        shown: report !== undefined && report.eight_bit.class !== report.original.class && (result?.of.family.models.length ?? 0) > 1,
        running: page.job?.kind === 'others',
        allowed: page.allows('others'),
        models: result?.of.family.models ?? [],
        made: result?.of.model ?? null,
        seen: asked?.seen ?? null,
      });
    },
  };
}
