// The pictures that come with the site: an object, and how far it is turned.

import { find, make } from './dom.js';

/** @typedef {{ family: string, labels: string[], poses: number, degrees_per_pose: number, file: string }} Gallery `gallery.json` */
/** @typedef {{ object: number, pose: number }} View object from 1, pose from 0 */

/** @param {Gallery} gallery @param {View} view */
export const objectAddress = ({ family, file }, { object, pose }) =>
  `gallery/${family}/${file.replace('{object}', String(object)).replace('{pose}', String(pose))}`;

/**
 * This many views, spread evenly over objects and poses.
 * @param {Gallery} gallery @param {number} count
 * @returns {View[]}
 */
export function spread({ labels, poses }, count) {
  return Array.from({ length: count }, (_, index) => {
    const place = Math.floor(((index + 0.5) * labels.length * poses) / count);
    return { object: 1 + Math.floor(place / poses), pose: place % poses };
  });
}

/** @param {Gallery} gallery @param {(view: View) => void} onChange */
export function galleryView(gallery, onChange) {
  const objects = find('objects', HTMLElement);
  const pose = find('pose', HTMLInputElement);
  const value = find('pose-value', HTMLOutputElement);
  let object = 1;

  const radios = gallery.labels.map((label, index) => {
    const radio = make('input', { type: 'radio', name: 'object', className: 'unseen', value: String(index + 1) });
    radio.onchange = () => {
      object = index + 1;
      onChange({ object, pose: pose.valueAsNumber });
    };
    const image = make('img', { loading: 'lazy', alt: label, title: label, width: 64, height: 64 });
    image.src = objectAddress(gallery, { object: index + 1, pose: 0 });
    objects.append(make('label', {}, radio, image));
    return radio;
  });
  pose.max = String(gallery.poses - 1);
  pose.oninput = () => {
    turn();
    onChange({ object, pose: pose.valueAsNumber });
  };
  find('object-group', HTMLElement).hidden = false;

  const turn = () => {
    value.textContent = pose.ariaValueText = `${pose.valueAsNumber * gallery.degrees_per_pose}°`;
  };

  return {
    /** @param {View | null} view none: the picture is not from here @param {boolean} open whether there are more objects than the duck */
    show(view, open) {
      objects.classList.toggle('folded', !open);
      find('turn', HTMLElement).hidden = !open;
      if (view) {
        object = view.object;
        pose.value = String(view.pose);
      }
      turn();
      for (const [index, radio] of radios.entries()) radio.checked = index + 1 === view?.object;
    },
  };
}
