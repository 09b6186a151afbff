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
 * @param {import('../pictures.js').Pictures} pictures
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 * @param {(measured: import('../page.js').MeasuredHere) => void} onPoints
 */
export function sweepFlow(page, session, pictures, form, onPoints) {
  const widget = sweepForm(sweep, cancel, estimate);
  /** The family to which `status` belongs. */
  let statusOf = '';
  let status = '';
  /** @type {import('../../pkg/decoy.js').SweepProgress | null} */
  let progress = null;

  /** @param {number} images */
  async function sweep(images) {
    const chosen = form.read();
    const { gallery, wanted: { family } } = page;
    if (!gallery || !chosen) return;
    const { models } = family;
    // The curve is for the smallest change, so target and region are not used.
    const { target, region, ...options } = chosen;
    await doJob(page, session, 'sweep', async (job) => {
      const { signal } = job;
      status = 'Fetching pictures and networks…';
      progress = null;
      page.changed();
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
        progress: (state) => {
          const { points } = progress = state;
          // Announced once for each network: for each picture it would be too often for screen readers.
          say(`Measuring network ${Math.max(points.length, 1)} of ${models.length}…`);
          if (points.length) onPoints({ family, options, images, points });
        },
      });
      if (report.points.length) onPoints({ family, options, images, points: report.points });
      const measured = report.points.length > 0;
      say(report.cancelled
        ? measured ? 'Cancelled. What was measured until then is in the chart.' : 'Cancelled.'
        : `Measured ${counted(images, 'picture')} on ${counted(report.points.length, 'network')} in ${duration(report.milliseconds)}.`);
    }, { failed: (cancelled) => say(cancelled ? 'Cancelled.' : 'Nothing was measured.') });
  }

  /** The expected duration in words, from the speed of the last search. @param {number} images */
  function estimate(images) {
    const { family } = page.wanted;
    const cost = form.cost();
    const passTime = page.passTime(family);
    if (!cost || !passTime || !(images > 0)) return 'Fool the network once to see how long this takes.';
    return `About ${duration(passTime * cost * images * family.models.length)} at the pace of your last search.`;
  }

  function cancel() {
    say('Stopping…');
    page.job?.abort();
  }

  /** @param {string} words */
  function say(words) {
    status = words;
    show();
  }

  function show() {
    const { gallery, galleries: { missing }, wanted: { family } } = page;
    if (statusOf !== family.id) [statusOf, status] = [family.id, ''];
    const all = gallery ? everything(gallery) : [];
    widget.show({
      family: family.id,
      pictures: all.length,
      unlabelled: all.some(({ label }) => label === null),
      missing: missing.get(family.id) ?? '',
      visible: gallery !== undefined || missing.has(family.id),
      running: page.runs('sweep'),
      allowed: page.allows('sweep'),
      status,
      progress,
    });
  }

  return { show };
}

/** The class of a picture; if it is unknown, the prediction of the family's first network. @param {Bridge} bridge @param {Family} family @param {Subject} subject @param {Picture} picture */
async function classOf(bridge, { labels, models }, { label }, picture) {
  return label === null ? (await bridge.predict(models[0].id, picture))[0].class : labels.indexOf(label);
}
