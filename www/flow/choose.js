// The choice of picture and network: in the galleries, on the dial, in the crop frame.

import { isOwn } from '../contents.js';
import { isCentral } from '../pictures.js';
import { cropField } from '../view/cropping.js';
import { dial } from '../view/dial.js';
import { galleryView } from '../view/gallery.js';
import { readerChoice } from '../view/reader.js';

/** @typedef {import('../page.js').Family} Family */
/** @typedef {import('../page.js').ModelEntry} ModelEntry */

/**
 * @param {import('../page.js').Page} page @param {Family[]} families of the site
 * @param {ReturnType<typeof import('./classify.js').classifyFlow>} classifying
 * @param {ReturnType<typeof import('./attack.js').attackFlow>} attacks
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 */
export function chooseFlow(page, families, { classify }, { attack }, form) {
  const galleries = page.galleries.here.map((gallery) => {
    const family = families.find(({ id }) => id === gallery.family);
    return { id: gallery.family, view: galleryView(gallery, family?.title ?? '', (subject) => choosePicture(family, subject)) };
  });
  const reader = readerChoice(families, (family) => page.ownPicture && useFamily(family));
  const noiseDial = dial(useModel);
  const cropping = cropField((crop) => classify({ crop }));
  /** The classification after which the attack is repeated. @type {import('../page.js').Job | null} */
  let repeating = null;

  /** Changes to another network, and repeats the attack if there was one, or would have been one on the network before. @param {ModelEntry} model */
  async function useModel(model) {
    const again = page.result !== null || page.runs('attack') || (page.job !== null && page.job === repeating);
    const classified = classify({ model });
    repeating = again ? page.job : null;
    if (await classified && again) attack();
  }

  /** Shows a picture with a network of its own family, or with the user's own network while that is in use. @param {Family | undefined} own @param {import('../pictures.js').Subject} subject */
  function choosePicture(own, subject) {
    const { wanted } = page;
    const family = isOwn(wanted.family) ? wanted.family : own ?? wanted.family;
    classify({ subject, crop: null, ...(family !== wanted.family && { family, model: family.models[0] }) });
  }

  /** @param {Family} family @param {ModelEntry} [model] */
  function useFamily(family, model = family.models[0]) {
    const { wanted } = page;
    classify({ family, model, crop: isCentral(wanted.family, wanted.crop, wanted.subject) ? null : wanted.crop });
  }

  return {
    useFamily,

    /** Returns from the user's own network to those of the site. */
    leaveOwn: () => useFamily(families.find(({ id }) => id === page.wanted.subject?.place?.family) ?? families[0]),

    /** The family for the user's next picture. */
    reader: reader.family,

    show() {
      const { family, model, subject, crop } = page.wanted;
      form.show({ family, classified: page.shown?.family === family });
      const open = isOwn(family) ? subject?.place?.family : family.id;
      for (const { id, view } of galleries) view.show({ subject, open: id === open });
      reader.show({ family, visible: page.ownPicture });
      noiseDial.show({ family, model });
      cropping.show({ family, subject, crop, covered: page.runs('attack') || page.result !== null });
    },
  };
}
