// The share of pictures still classified correctly by the size of a change, as a plot: one line for each σ, and one
// more for the certified share.

import { figure, percent, sigmaWords } from '../words.js';

/** @typedef {import('../robustness.js').Evaluation} Evaluation */
/** @typedef {import('./plot.js').Palette} Palette */
/** @typedef {import('./plot.js').Plot} Plot */

/** A smaller share looks like 0 in the chart, which ends where all shares are smaller. */
const INVISIBLE_SHARE = 0.002;

/** @param {Pick<Evaluation, 'radii' | 'levels'>} evaluation @param {number} sigma of the dial @returns {(colour: Palette) => Plot} */
export const sharesPlot = ({ radii, levels }, sigma) => (colour) => {
  const shades = levels.map((_, index) => mix(colour('after'), colour('before'), levels.length > 1 ? index / (levels.length - 1) : 1));
  const width = (/** @type {number} */ own) => (own === sigma ? 4 : 1.5);
  const lines = [
    ...levels.map(({ sigma: own, read }, index) => ({ values: read, colour: shades[index], width: width(own) })),
    ...levels.flatMap(({ sigma: own, certified }, index) => (certified ? [{ values: certified, colour: shades[index], width: width(own) / 2, dash: [4, 4] }] : [])),
  ];
  const last = radii.findLastIndex((_, index) => levels.some(({ read }) => read[index] > INVISIBLE_SHARE));
  return {
    across: { label: '‖Δx‖₂, size of the change', reach: [0, radii[last + 1] || radii.at(-1) || 1], words: (value) => String(+value.toPrecision(3)) },
    up: { label: 'still read correctly', reach: [0, 1.04], words: (value) => (value > 1 ? '' : `${Math.round(100 * value)} %`) },
    xs: radii,
    lines,
    band: null,
    read: (index) => [`‖Δx‖₂ = ${figure(radii[index])}`, ...levels.map(({ sigma, read }) => `${sigmaWords(sigma)}: ${percent(read[index])}`)].join(' · '),
    legend: [
      ...levels.map(({ sigma: own }, index) => ({
        swatch: own === sigma ? 'share chosen' : 'share',
        words: own === sigma ? `${sigmaWords(own)}, where the dial stands` : sigmaWords(own),
        colour: shades[index],
      })),
      ...(levels.some(({ certified }) => certified) ? [{ swatch: 'predicted', words: 'proved, where the network votes under its noise' }] : []),
    ],
  };
};

/** A colour between two. @param {string} from as #rrggbb @param {string} to as #rrggbb @param {number} share of the way */
function mix(from, to, share) {
  const channel = (/** @type {number} */ at) => {
    const [a, b] = [from, to].map((text) => Number.parseInt(text.slice(at, at + 2), 16));
    return Math.round(a + share * (b - a));
  };
  return `rgb(${channel(1)} ${channel(3)} ${channel(5)})`;
}
