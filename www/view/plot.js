// A plot with its legend, and the values under the pointer in words.

import { find, make } from './dom.js';

/** @typedef {import('../vendor/uPlot.js').default} uPlot */

/**
 * @typedef {object} Line
 * @property {(number | null)[]} values one for each x; the line continues over missing ones
 * @property {string} colour
 * @property {number} [width]
 * @property {number[]} [dash]
 * @property {boolean} [dots]
 */

/**
 * @typedef {object} Plot
 * @property {{ label: string, reach: [number, number], words: (value: number) => string }} across
 * @property {{ label: string, reach: [number, number], words: (value: number) => string }} up
 * @property {number[]} xs in rising order
 * @property {Line[]} lines
 * @property {{ high: (number | null)[], low: (number | null)[] } | null} band
 * @property {(u: uPlot) => void} [below] draws under the lines
 * @property {(u: uPlot) => void} [above] draws over them
 * @property {(index: number) => string} read the values at one of the xs, in words
 * @property {{ swatch: string, words: string, colour?: string }[]} legend
 */

/** Returns a colour of the page by its name in the style sheet. @typedef {(name: string) => string} Palette */

const HEIGHT = 340;

export function plotView() {
  const root = find('chart', HTMLElement);
  const legend = find('legend', HTMLElement);
  const readout = find('chart-readout', HTMLElement);
  /** @type {((colour: Palette) => Plot) | null} */
  let shown = null;
  /** @type {uPlot | null} */
  let drawn = null;
  /** The chart library. The page does not wait for it, and works without it. @type {typeof import('../vendor/uPlot.js').default | null} */
  let library = null;

  import('../vendor/uPlot.js').then(({ default: loaded }) => {
    library = loaded;
    draw();
  }, () => root.replaceChildren(make('p', { className: 'note' }, 'This browser cannot draw the chart. The table below has its figures.')));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  new ResizeObserver(() => drawn?.setSize({ width: root.clientWidth, height: HEIGHT })).observe(root);

  function draw() {
    if (!shown || !library) return;
    const style = getComputedStyle(root);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    const plot = shown(colour);
    const pointer = drawn?.cursor;
    drawn?.destroy();
    readout.textContent = '';
    const { xs, lines, band } = plot;
    drawn = new library(
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
    /** Shows a plot; it is drawn again when the colours of the page change. @param {(colour: Palette) => Plot} plot */
    show(plot) {
      shown = plot;
      draw();
    },
  };
}

/** @param {Plot} plot @param {{ width: number, font: string, colour: Palette, pointer?: uPlot.Cursor }} look @param {(words: string) => void} onPointer called with the words for the place under the pointer @returns {uPlot.Options} */
function options({ across, up, lines, band, below, above, read }, { width, font, colour, pointer }, onPointer) {
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
        pxAlign: 0, // without rounding to whole pixels, curves are smooth
        stroke: colour, width, dash, spanGaps: true, points: dots ? { show: true, size: 6, width: 0, fill: colour } : { show: false },
      })),
      ...(band ? [hidden, hidden] : []),
    ],
    bands: band ? [{ series: [lines.length + 1, lines.length + 2], fill: colour('band') }] : [],
    hooks: {
      drawAxes: below ? [below] : [],
      draw: above ? [above] : [],
      // Keeps the words for the place under the pointer when the chart is drawn again.
      ready: [(u) => pointer && u.setCursor({ left: pointer.left ?? -1, top: pointer.top ?? -1 })],
      setCursor: [(u) => onPointer(u.cursor.idx == null ? '' : read(u.cursor.idx))],
    },
  };
}
