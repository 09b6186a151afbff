// Classifies the picture, after it was chosen, opened or cropped, or after the network changed.

import { own } from '../pictures.js';
import { arrival, watch } from '../program.js';
import { complain, dismissErrorBefore, remark } from '../view/alert.js';
import * as run from '../view/run.js';

/** @typedef {import('../page.js').Job} Job */
/** @typedef {import('../page.js').Wish} Wish */
/** @typedef {import('../bridge.js').Loading} Loading */

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {import('../pictures.js').Pictures} pictures
 */
export function classifyFlow(page, session, pictures) {
  /** Resolves when the last classification ends: whether it succeeded. @type {Promise<boolean>} */
  let classified = Promise.resolve(false);
  /** Number of requests so far: if several files are given, only the last one is used. */
  let requests = 0;

  /** Classifies with a changed picture, crop or network. If this fails, the page stays as it was. @param {Partial<Wish>} change */
  function classify(change) {
    requests += 1;
    page.wanted = { ...page.wanted, ...change };
    classified = predict(page.begin('classify'), page.wanted);
    return classified;
  }

  /** @param {Job} job @param {Wish} wish @returns {Promise<boolean>} */
  async function predict(job, wish) {
    const { family, model, subject } = wish;
    const { signal } = job;
    page.changed();
    try {
      const bridge = await job.wait(worker());
      if (!subject) return false;
      const { shown } = page;
      // A second network of the user's own makes another family for the same pictures.
      const alike = shown?.family.id === family.id && JSON.stringify(shown.family.input) === JSON.stringify(family.input);
      const same = shown !== null && shown.subject === subject && alike && shown.crop === wish.crop;
      const { picture, crop } = same ? shown : await job.wait(pictures.picture(bridge, family, subject, wish.crop));
      const loading = (/** @type {Loading} */ state) => {
        if (!signal.aborted) run.loading('the network', state);
      };
      const predictions = await job.wait(bridge.predict(model.id, picture, { signal, loading }));
      page.wanted = { family, model, subject, crop };
      page.accept({ family, model, subject, crop, picture, predictions });
      dismissErrorBefore(job);
      if (wish.crop && crop !== wish.crop) remark('The crop in the link lies outside of the picture: the middle is shown instead.');
      return true;
    } catch (error) {
      if (job === page.job && session.leaveGpu()) return classify({});
      page.fail(job, error, () => classify(wish));
      if (job === page.job && page.shown) {
        const { family, model, subject, crop } = page.shown;
        page.wanted = { family, model, subject, crop };
      }
      return false;
    } finally {
      page.end(job);
    }
  }

  function worker() {
    if (!session.device) {
      const showArrival = () => run.loading('the program', arrival);
      showArrival();
      watch(showArrival);
    }
    return session.worker();
  }

  return {
    classify,

    /** Resolves when the picture is classified, or could not be. Starts a new classification if none is running. */
    done: () => (page.runs('classify') ? classified : classify({})),

    /** Opens the user's own picture. The page does not change until the file is known to be a picture. @param {File} file @param {Wish['family']} family @returns {Promise<boolean>} whether it is one */
    async open(file, family) {
      if (!page.allows('classify')) {
        complain('Another picture has to wait until the measuring is done or cancelled.');
        return false;
      }
      const request = (requests += 1);
      try {
        const subject = own(file);
        await pictures.open(await worker(), subject);
        if (request !== requests) return false;
        const model = family === page.wanted.family ? page.wanted.model : family.models[0];
        classify({ family, model, subject, crop: null });
        return true;
      } catch (error) {
        if (request !== requests) return false;
        page.changed();
        complain(error);
        return false;
      }
    },
  };
}
