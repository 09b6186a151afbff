// “Measure here”: pictures of a gallery, attacked on every network of its family, for the chart.

import { everything, spread } from '../galleries.js';
import { sweepForm } from '../view/sweep.js';
import { counted, duration } from '../words.js';
import { doJob } from './job.js';

/** @typedef {import('../page.js').AttackOptions} AttackOptions */
/** @typedef {import('../page.js').Family} Family */
/** @typedef {import('../page.js').Picture} Picture */
/** @typedef {import('../bridge.js').Bridge} Bridge */
/** @typedef {import('../pictures.js').Subject} Subject */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {import('../galleries.js').Galleries} galleries @param {import('../pictures.js').Pictures} pictures
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {(measured: import('../page.js').MeasuredHere) => void} onPoints
 */
export function sweepFlow(page, session, galleries, pictures, form, onPoints) {
  const widget = sweepForm(sweep, () => page.job?.abort(), estimate);
  const galleryOf = (/** @type {Family} */ { id }) => galleries.here.find(({ family }) => family === id);

  /** @param {number} images */
  async function sweep(images) {
    const chosen = form.read();
    const { family } = page.wanted;
    const gallery = galleryOf(family);
    if (!gallery || !chosen) return;
    const { models } = family;
    // The curve is for the smallest change, so target and region are not used.
    const { target, region, ...options } = chosen;
    await doJob(page, session, 'sweep', async (job) => {
      const { signal } = job;
      page.changed();
      widget.tell('Fetching pictures and networks…');
      const bridge = await job.wait(session.worker());
      /** @type {Picture[]} */
      const seen = [];
      /** @type {number[]} */
      const classes = [];
      for (const subject of spread(gallery, images)) {
        const { picture } = await job.wait(pictures.picture(bridge, family, subject, null));
        seen.push(picture);
        classes.push(await job.wait(classOf(bridge, family, subject, picture)));
      }
      const report = await bridge.sweep(models.map(({ id }) => id), seen, Uint32Array.from(classes), options, {
        signal,
        progress: (progress) => {
          widget.advance(progress, models.length);
          if (progress.points.length) onPoints({ family, options, images, points: progress.points });
        },
      });
      if (report.points.length) onPoints({ family, options, images, points: report.points });
      const measured = report.points.length > 0;
      widget.tell(report.cancelled
        ? measured ? 'Cancelled. What was measured until then is in the chart.' : 'Cancelled.'
        : `Measured ${counted(images, 'picture')} on ${counted(report.points.length, 'network')} in ${duration(report.milliseconds)}.`);
    }, { failed: (cancelled) => widget.tell(cancelled ? 'Cancelled.' : 'Nothing was measured.') });
  }

  /** The expected duration in words, from the speed of the last search. @param {number} images */
  function estimate(images) {
    const { family } = page.wanted;
    const cost = form.cost();
    const pace = page.pace(family);
    if (!cost || !pace || !(images > 0)) return 'Fool the network once to see how long this takes.';
    return `About ${duration(pace * cost * images * family.models.length)} at the pace of your last search.`;
  }

  return {
    show() {
      const { family } = page.wanted;
      const gallery = galleryOf(family);
      const all = gallery ? everything(gallery) : [];
      widget.offer(family.id, all.length, all.some(({ label }) => label === null), galleries.missing.get(family.id) ?? '');
      widget.show(page.job?.kind === 'sweep', gallery !== undefined || galleries.missing.has(family.id), gallery !== undefined && form.ready() && page.allows('sweep'));
    },
  };
}

/** The class of a picture; if it is unknown, the prediction of the family's first network. @param {Bridge} bridge @param {Family} family @param {Subject} subject @param {Picture} picture */
async function classOf(bridge, { labels, models }, { label }, picture) {
  return label === null ? (await bridge.predict(models[0].id, picture))[0].class : labels.indexOf(label);
}
