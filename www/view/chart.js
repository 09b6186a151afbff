// A chart with its legend, and what stands under the pointer in words.

import uPlot from '../vendor/uPlot.js';
import { find, make } from './dom.js';

/**
 * @typedef {object} Line
 * @property {(number | null)[]} values one for each x; a line goes on where one is missing
 * @property {string} colour
 * @property {number} [width]
 * @property {number[]} [dash]
 * @property {boolean} [dots]
 */

/**
 * @typedef {object} Plot
 * @property {{ label: string, reach: [number, number], words: (value: number) => string }} across
 * @property {{ label: string, reach: [number, number], words: (value: number) => string }} up
 * @property {number[]} xs rising
 * @property {Line[]} lines
 * @property {{ high: (number | null)[], low: (number | null)[] } | null} band
 * @property {(u: uPlot) => void} [below] draws under the lines
 * @property {(u: uPlot) => void} [above] draws over them
 * @property {(index: number) => string} read what stands at one of the xs
 * @property {{ swatch: string, words: string, colour?: string }[]} legend
 */

/** A colour of the page, by its name in the style sheet. @typedef {(name: string) => string} Palette */

const HEIGHT = 340;

export function chart() {
  const root = find('chart', HTMLElement);
  const legend = find('legend', HTMLElement);
  const readout = find('chart-readout', HTMLElement);
  /** @type {((colour: Palette) => Plot) | null} */
  let shown = null;
  /** @type {uPlot | null} */
  let drawn = null;

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  new ResizeObserver(() => drawn?.setSize({ width: root.clientWidth, height: HEIGHT })).observe(root);

  function draw() {
    if (!shown) return;
    const style = getComputedStyle(root);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    const plot = shown(colour);
    const pointer = drawn?.cursor;
    drawn?.destroy();
    readout.textContent = '';
    const { xs, lines, band } = plot;
    drawn = new uPlot(
      options(plot, { width: root.clientWidth, font: `12px ${style.fontFamily}`, colour, pointer }, (words) => (readout.textContent = words)),
      [xs, ...lines.map(({ values }) => values), ...(band ? [band.high, band.low] : [])],
      root,
    );
    legend.replaceChildren(...plot.legend.map(({ swatch, words, colour }) => {
      const mark = make('span', { className: `swatch ${swatch}` });
      if (colour) mark.style.setProperty('--colour', colour);
      return make('li', {}, mark, words);
    }));
  }

  return {
    /** Drawn again where the colours of the page change. @param {(colour: Palette) => Plot} plot */
    show(plot) {
      shown = plot;
      draw();
    },
  };
}

/** @param {Plot} plot @param {{ width: number, font: string, colour: Palette, pointer?: uPlot.Cursor }} look @param {(words: string) => void} tell @returns {uPlot.Options} */
function options({ across, up, lines, band, below, above, read }, { width, font, colour, pointer }, tell) {
  const axis = { font, labelFont: font, labelSize: 22, stroke: colour('quiet'), grid: { stroke: colour('hair'), width: 1 }, ticks: { stroke: colour('hair'), width: 1, size: 4 } };
  const hidden = { width: 0, points: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: { x: { time: false, range: across.reach }, y: { range: up.reach } },
    axes: [
      { ...axis, label: across.label, size: 30, space: 56, values: (_, splits) => splits.map(across.words) },
      { ...axis, label: up.label, size: 48, values: (_, splits) => splits.map(up.words) },
    ],
    series: [
      {},
      ...lines.map(({ colour, width = 1, dash, dots }) => ({
        pxAlign: 0, // a fine curve has no steps
        stroke: colour, width, dash, spanGaps: true, points: dots ? { show: true, size: 6, width: 0, fill: colour } : { show: false },
      })),
      ...(band ? [hidden, hidden] : []),
    ],
    bands: band ? [{ series: [lines.length + 1, lines.length + 2], fill: colour('band') }] : [],
    hooks: {
      drawAxes: below ? [below] : [],
      draw: above ? [above] : [],
      // What is said of the place under the pointer survives a new drawing.
      ready: [(u) => pointer && u.setCursor({ left: pointer.left ?? -1, top: pointer.top ?? -1 })],
      setCursor: [(u) => tell(u.cursor.idx == null ? '' : read(u.cursor.idx))],
    },
  };
}
