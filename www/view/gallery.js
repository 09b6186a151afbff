// A gallery of the site: a row of photographs, objects or classes, and a way to choose a picture of the chosen one.

import { find, make } from './dom.js';
import { byline } from './credits.js';
import { thumb } from './thumb.js';

/** @typedef {import('../galleries.js').Gallery} Gallery */
/** @typedef {import('../pictures.js').Subject} Subject */
/** @typedef {import('../pictures.js').Place} Place */

/** Rows that scroll sideways to the chosen thumbnail. */
const ROW = '.galleries, .picker > .thumbs';

/**
 * @param {Gallery} gallery @param {string} title
 * @param {(picture: Subject) => void} onChoice
 */
export function galleryView(gallery, title, onChoice) {
  const { family, noun, groups } = gallery;
  const picker = gallery.picker?.form === 'slider' ? slider(gallery, choose) : gallery.picker ? row(gallery, gallery.picker.label, choose) : null;
  const credit = make('span', { className: 'credit' });
  const first = radios(`${family}-group`, groups.map(({ name, pictures: [picture] }) => ({ picture, name })), gallery.picker?.form === 'thumbs');
  const list = make('div', { className: 'thumbs', role: 'radiogroup', ariaLabel: noun }, ...first.labels);
  const root = make('div', { className: 'group' }, make('p', { className: 'note' }, title, ' ', credit), list);
  find('galleries', HTMLElement).append(root);
  if (picker) find('gallery-picker', HTMLElement).append(picker.root);
  let [group, index] = [0, 0];

  for (const [place, radio] of first.radios.entries()) radio.onchange = () => choose(place, index);

  /** @param {number} newGroup @param {number} newIndex limited to the size of the group */
  function choose(newGroup, newIndex) {
    const { pictures } = groups[newGroup];
    onChoice(pictures[Math.min(newIndex, pictures.length - 1)]);
  }

  return {
    /** @param {{ subject: Subject | null, open: boolean }} state `open`: whether the other pictures of its group can be chosen */
    show({ subject, open }) {
      const here = subject?.place?.family === family ? subject.place : null;
      if (here) ({ group, index } = here);
      root.classList.toggle('folded', !open);
      first.check(here ? group : -1);
      picker?.show(group, here ? index : -1, open);
      credit.replaceChildren(...byline(here ? (subject?.credit ?? gallery.credit) : null, here && subject?.credit ? subject.name : ''));
    },
  };
}

/** The pictures of a group as a slider. @param {Gallery} gallery @param {(group: number, index: number) => void} choose */
function slider({ family, picker, groups }, choose) {
  const { label, value } = /** @type {Extract<import('../galleries.js').Picker, { form: 'slider' }>} */ (picker);
  const range = make('input', { type: 'range', id: `${family}-picker`, min: '0', step: '1' });
  const output = make('output');
  const root = make('div', { className: 'turn' }, make('label', { htmlFor: range.id }, label), range, output);
  let group = 0;
  const say = () => (output.textContent = range.ariaValueText = value(range.valueAsNumber));
  range.oninput = () => {
    say();
    choose(group, range.valueAsNumber);
  };
  return {
    root,
    /** @param {number} newGroup @param {number} index @param {boolean} open */
    show(newGroup, index, open) {
      group = newGroup;
      root.hidden = !open;
      range.max = String(groups[group].pictures.length - 1);
      if (index >= 0) range.value = String(index);
      say();
    },
  };
}

/** The pictures of a group as thumbnails. @param {Gallery} gallery @param {string} label @param {(group: number, index: number) => void} choose */
function row({ family, groups }, label, choose) {
  const root = make('div', { className: 'thumbs', role: 'radiogroup' });
  let shown = -1;
  /** @type {ReturnType<typeof radios> | null} */
  let within = null;
  return {
    root,
    /** @param {number} group @param {number} index @param {boolean} open */
    show(group, index, open) {
      root.hidden = !open;
      if (!open) return;
      if (group !== shown) {
        shown = group;
        const { name, pictures } = groups[group];
        within = radios(`${family}-picker`, pictures.map((picture) => ({ picture, name: picture.name })), false);
        for (const [place, radio] of within.radios.entries()) radio.onchange = () => choose(group, place);
        root.ariaLabel = `${label}: ${name}`;
        root.replaceChildren(...within.labels);
      }
      within?.check(index);
    },
  };
}

/**
 * Thumbnails of which one can be chosen.
 * @param {string} group the radios' name @param {{ picture: Subject, name: string }[]} entries @param {boolean} captioned whether the names are shown below
 */
function radios(group, entries, captioned) {
  const inputs = entries.map((_, index) => make('input', { type: 'radio', name: group, className: 'unseen', value: String(index) }));
  const labels = entries.map(({ picture, name }, index) => {
    return make('label', {}, inputs[index], thumb(picture, captioned ? '' : name), ...(captioned ? [make('span', {}, name)] : []));
  });
  return {
    radios: inputs,
    labels,
    /** @param {number} index without such a thumbnail, none is checked */
    check(index) {
      for (const [place, input] of inputs.entries()) input.checked = place === index;
      const list = labels[index]?.closest(ROW);
      if (!list) return;
      // Scrolls only the row, not the page.
      const [view, own] = [list.getBoundingClientRect(), labels[index].getBoundingClientRect()];
      if (own.left < view.left || own.right > view.right) list.scrollLeft += own.left - view.left - (view.width - own.width) / 2;
    },
  };
}
