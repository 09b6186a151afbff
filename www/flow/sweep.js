// “Measure here”: pictures of the objects, attacked on every network of their family, for the chart.

import { complain } from '../view/alert.js';
import { find } from '../view/dom.js';
import { spread } from '../view/gallery.js';
import { sweepForm } from '../view/sweep.js';
import { counted, duration } from '../view/words.js';
import { object } from '../pictures.js';

/** @typedef {import('../page.js').AttackOptions} AttackOptions */
/** @typedef {{ family: import('../page.js').Family, options: AttackOptions, images: number, points: import('../../pkg/decoy.js').SweepPoint[] }} Live what was measured here */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {import('../view/gallery.js').Gallery | null} gallery
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {(live: Live) => void} onPoints
 */
export function sweepFlow(page, session, gallery, form, onPoints) {
  const widget = sweepForm(sweep, () => page.job?.abort());
  find('sweep-why', HTMLElement).hidden = gallery !== null;

  /** @param {number} images */
  async function sweep(images) {
    const chosen = form.read();
    if (!gallery || !chosen) return;
    const { family } = page.wanted;
    const { models } = family;
    // The curve is that of the nearest misread picture, whatever it is misread as.
    const { target, ...options } = chosen;
    const job = page.begin('sweep');
    const { signal } = job;
    page.changed();
    widget.tell('Fetching pictures and networks…');
    try {
      const bridge = await job.wait(session.worker());
      const views = spread(gallery, images);
      const pictures = await job.wait(Promise.all(views.map(async (view) => bridge.decode(family.id, await object(gallery, view).bytes()))));
      const classes = Uint32Array.from(views, (view) => view.object - 1);
      const report = await bridge.sweep(models.map(({ id }) => id), pictures, classes, options, {
        signal,
        progress: (progress) => {
          widget.advance(progress, models.length);
          onPoints({ family, options, images, points: progress.points });
        },
      });
      onPoints({ family, options, images, points: report.points });
      widget.tell(report.cancelled
        ? 'Cancelled. What was measured until then is in the chart.'
        : `Measured ${counted(images, 'picture')} on ${counted(report.points.length, 'network')} in ${duration(report.milliseconds)}.`);
    } catch (error) {
      widget.tell(signal.aborted ? 'Cancelled.' : 'Nothing was measured.');
      if (!signal.aborted) complain(error);
      session.leaveGpu();
    } finally {
      page.end(job);
    }
  }

  return {
    show() {
      const kind = page.job?.kind;
      widget.show(kind === 'sweep', page.wanted.family.id === (gallery?.family ?? 'coil20'), gallery !== null && form.ready() && kind !== 'attack' && kind !== 'strip');
    },
  };
}
