// The command that does natively what was done here.

import { isOwn } from './contents.js';
import { isCentral } from './pictures.js';

/** @typedef {import('./page.js').Result} Result */

/** As a shell takes it. @param {string} word */
const quoted = (word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The picture's file: of a gallery that comes with the source, where it is there. @param {import('./pictures.js').Subject} subject */
function file({ name, file: { address }, place }) {
  if (!place || !address) return name.startsWith('-') ? `./${name}` : name;
  const path = decodeURIComponent(address.slice(address.lastIndexOf('gallery/')));
  return place.guest ? path.slice(path.lastIndexOf('/') + 1) : `www/${path}`;
}

/** What of the file the network has seen; nothing where that is what it sees anyway. @param {Result['of']} of */
function square({ family, subject, crop }) {
  if (subject.region) return subject.region;
  return crop && !isCentral(family, crop, subject) ? crop : null;
}

/** @param {Pick<Result, 'of' | 'options'>} result */
export function command({ of, options: { attack, norm, target, sure, region, ...parameters } }) {
  const values = Object.entries({ ...(norm && { norm }), ...parameters }).map(([name, value]) => `${name}=${value}`);
  const crop = square(of);
  return [
    'decoy', 'attack',
    ...(isOwn(of.family) ? ['--network', of.family.title, '--normalise', of.family.normalisation ?? 'none'] : ['--model', of.model.id]),
    '--attack', values.length ? `${attack}:${values.join(',')}` : attack,
    ...(target ? ['--target', target] : []),
    ...(sure ? ['--confidence', String(sure)] : []),
    ...(region ? ['--region', String(region)] : []),
    ...(crop ? ['--crop', [crop.left, crop.top, crop.side].map((value) => +value.toFixed(3)).join(',')] : []),
    '--out', `fooled.png`,
    file(of.subject),
  ].map(quoted).join(' ');
}
