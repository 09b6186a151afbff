// The `decoy` command that repeats the attack natively.

import { isOwn } from './contents.js';
import { isCentral } from './pictures.js';

/** @typedef {import('./page.js').Result} Result */

/** A word quoted for a shell. @param {string} word */
const quoted = (word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The path of the picture's file; in the repository if its gallery is part of it. @param {import('./pictures.js').Subject} subject */
function file({ name, file: { address }, place }) {
  if (!place || !address) return name.startsWith('-') ? `./${name}` : name;
  const path = decodeURIComponent(address.slice(address.lastIndexOf('gallery/')));
  return place.external ? path.slice(path.lastIndexOf('/') + 1) : `www/${path}`;
}

/** The square of the file that the network has seen; null where it is the default. @param {Result['of']} of */
function square({ family, subject, crop }) {
  if (subject.region) return subject.region;
  return crop && !isCentral(family, crop, subject) ? crop : null;
}

/** How the user's own network is named. Its labels are not in a file that the page knows: a target is a number. @param {Result['of']} of */
function own({ family: { architecture, input: { height, width } }, model: { id, normalisation } }) {
  const size = architecture === 'onnx' ? ['--input-size', `${height}x${width}`] : [];
  return ['--network', id, ...(normalisation ? ['--normalise', normalisation] : []), ...size];
}

/** @param {Pick<Result, 'of' | 'options'>} result */
export function command({ of, options: { attack, norm, target, sure, region, ...parameters } }) {
  const values = Object.entries({ ...(norm && { norm }), ...parameters }).map(([name, value]) => `${name}=${value}`);
  const crop = square(of);
  return [
    'decoy', 'attack',
    ...(isOwn(of.family) ? own(of) : ['--model', of.model.id]),
    '--attack', values.length ? `${attack}:${values.join(',')}` : attack,
    ...(target ? ['--target', isOwn(of.family) ? String(of.family.labels.indexOf(target)) : target] : []),
    ...(sure ? ['--confidence', String(sure)] : []),
    ...(region ? ['--region', String(region)] : []),
    ...(crop ? ['--crop', [crop.left, crop.top, crop.side].map((value) => +value.toFixed(3)).join(',')] : []),
    '--out', `fooled.png`,
    file(of.subject),
  ].map(quoted).join(' ');
}
