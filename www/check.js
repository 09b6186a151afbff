// What the CPU says of a picture that a GPU found.

import { deviceName, percent } from './words.js';

/** @typedef {import('./page.js').Result} Result */

/** The sentence if the CPU predicts another class for the GPU's result; then the network does not count as fooled. Else empty. @param {Result} result */
export function refutation({ check, device, outcome: { report: { eight_bit } } }) {
  if (!check || 'failed' in check || check.seen.class === eight_bit.class) return '';
  return `Not called fooled: ${deviceName(device)} and the CPU disagree. In the saved picture the one sees “${eight_bit.label}”, the other “${check.seen.label}”, ${percent(check.seen.probability)} sure.`;
}
