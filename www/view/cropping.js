// The crop frame beside the picture: opened by its button, and automatically for the user's own picture.

import { centre } from '../pictures.js';
import { cropFrame } from './crop.js';
import { find } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').Crop} Crop */
/** @typedef {import('../page.js').Wish} Wish */
/** @typedef {import('../pictures.js').Subject} Subject */

/** @param {(crop: Crop) => void} onCrop */
export function cropField(onCrop) {
  const button = find('crop-open', HTMLButtonElement);
  const panel = find('crop-panel', HTMLElement);
  const section = find('stage', HTMLElement);
  const frame = cropFrame((crop) => {
    framed.crop = crop;
    onCrop(crop);
  });
  /** Picture and crop in the frame. @type {{ subject: Subject | null, crop: Crop | null }} */
  const framed = { subject: null, crop: null };
  /** Whether it was covered before; when it is, the frame is closed, to make room for the pictures of the search. */
  let closed = false;

  button.onclick = () => reveal(Boolean(panel.hidden));

  /** @param {boolean} shown */
  function reveal(shown) {
    panel.hidden = !shown;
    button.ariaExpanded = String(shown);
    section.classList.toggle('cropping', shown);
  }

  return {
    /** @param {Omit<Wish, 'model'> & { covered: boolean }} state `covered`: there is a search, or its result */
    show({ family, subject, crop, covered }) {
      const opened = subject?.croppable ? subject.file.opened : null;
      button.hidden = !opened;
      if (covered && !closed) reveal(false);
      closed = covered;
      const other = framed.subject !== (opened && subject);
      const square = opened && (crop ?? centre(family, opened));
      if (!other && same(square, framed.crop)) return;
      Object.assign(framed, { subject: opened && subject, crop: square });
      if (other) reveal(opened !== null && !subject?.place);
      frame.show(opened, square);
    },
  };
}

/** @param {Crop | null} a @param {Crop | null} b */
const same = (a, b) => a?.left === b?.left && a?.top === b?.top && a?.side === b?.side;
