// The photographs that come with the site, and whom they are by.

import { find, make } from './dom.js';

/** @typedef {{ id: string, title: string, file: string, credit: string, licence: string, source: string }} Photo */
/** @typedef {{ family: string, photos: Photo[] }} PhotoGallery `gallery.json` */

/** @param {PhotoGallery} gallery @param {Photo} photo */
export const photoAddress = ({ family }, { file }) => `gallery/${family}/${file}`;

/** @param {PhotoGallery} gallery @param {(photo: Photo) => void} onChange */
export function photoGallery(gallery, onChange) {
  const credit = find('credit', HTMLElement);
  const radios = gallery.photos.map((photo) => {
    const radio = make('input', { type: 'radio', name: 'photo', className: 'unseen', value: photo.id });
    radio.onchange = () => onChange(photo);
    const image = make('img', { alt: photo.title, title: photo.title, width: 64, height: 64, fetchPriority: 'low' });
    image.src = photoAddress(gallery, photo);
    find('photos', HTMLElement).append(make('label', {}, radio, image));
    return radio;
  });
  find('photo-group', HTMLElement).hidden = false;
  find('credits', HTMLElement).hidden = false;
  find('credit-list', HTMLElement).append(...gallery.photos.map((photo) => make('li', {}, `${photo.title}: `, ...by(photo))));

  return {
    /** @param {Photo | null} photo none: the picture is not from here */
    show(photo) {
      for (const radio of radios) radio.checked = radio.value === photo?.id;
      credit.replaceChildren(...(photo ? [`${photo.title}: `, ...by(photo)] : []));
    },
  };
}

/** @param {Photo} photo */
const by = ({ credit, licence, source }) => [make('a', { href: source, rel: 'noreferrer' }, credit), `, ${licence}`];
