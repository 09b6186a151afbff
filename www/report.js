// Everything needed to repeat an attack, as JSON.

import { isOwn } from './contents.js';
import { write } from './link.js';
import { command } from './command.js';

/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('./page.js').Result} Result */

/** Version of the format that `report` returns. */
const VERSION = 4;

/** @param {Result} result */
export async function report({ of, options, device, outcome, stopped, check }) {
  const { family, model, subject, crop, picture } = of;
  const { channels } = family.input;
  return {
    format: 'decoy-report',
    version: VERSION,
    date: new Date().toISOString(),
    page: new URL(write(of, options), location.href).href,
    browser: navigator.userAgent,
    picture: {
      name: subject.name,
      from: subject.place ? { gallery: subject.place.family, ...subject.place.words, ...(subject.credit && { source: subject.credit.source }) } : 'own',
      crop,
      ...(await fingerprint(picture, channels)),
    },
    model: isOwn(family)
      ? { file: model.id, normalisation: model.normalisation, sha256: model.sha256 }
      : { family: family.id, id: model.id, sigma: model.sigma, file: model.file, sha256: model.sha256 },
    attack: options,
    ...(stopped && { cancelled: stopped }),
    command: command({ of, options }),
    device: { kind: device.kind, name: device.name },
    ...(check && 'seen' in check && { checked_on_cpu: check.seen }),
    result: outcome.report,
    predictions: { before: outcome.original_predictions, after: outcome.adversarial_predictions },
    adversarial: await fingerprint(outcome.adversarial, channels),
  };
}

/** The checksum of the 8-bit pixels that the network saw, so that they can be compared. @param {Picture} picture @param {number} channels */
async function fingerprint({ width, height, rgba }, channels) {
  const values = rgba.filter((_, index) => index % 4 < channels);
  return { width, height, pixels: channels === 1 ? '8-bit grey, row by row' : '8-bit red, green, blue, row by row', sha256: await sha256(values) };
}

/** Null on an insecure connection, where browsers compute no hash. @param {Uint8ClampedArray<ArrayBuffer>} bytes */
async function sha256(bytes) {
  return isSecureContext ? [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('') : null;
}
