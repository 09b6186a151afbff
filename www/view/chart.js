// ‖Δx‖ against σ.

import uPlot from '../vendor/uPlot.js';
import { find, make } from './dom.js';
import { figure, sigma as sigmaWords } from './words.js';

/** @typedef {import('../robustness.js').Point} Point */
/**
 * @typedef {object} Curves
 * @property {Point[]} measured the shipped curve, with its intervals
 * @property {Point[][]} seeds the same from other training seeds
 * @property {Point[]} here measured on this machine
 * @property {Point[]} picture the current picture's own
 * @property {number} sigma where the dial stands
 * @property {number} reach the largest σ there is
 * @property {string} axis what the ordinate shows
 * @property {{ measured: string, seeds: string, here: string, picture: string }} names
 */

const HEIGHT = 340;

export function chart() {
  const root = find('chart', HTMLElement);
  const legend = find('legend', HTMLElement);
  const readout = find('chart-readout', HTMLElement);
  /** @type {Curves | null} */
  let curves = null;
  /** @type {uPlot | null} */
  let plot = null;

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  new ResizeObserver(() => plot?.setSize({ width: root.clientWidth, height: HEIGHT })).observe(root);

  function draw() {
    if (!curves) return;
    plot?.destroy();
    readout.textContent = '';
    plot = new uPlot(options(root, curves, (words) => (readout.textContent = words)), table(curves), root);
  }

  return {
    /** @param {Curves} next */
    show(next) {
      curves = next;
      draw();
      /** @type {['measured' | 'seeds' | 'here' | 'picture', unknown[]][]} */
      const kinds = [['measured', next.measured], ['seeds', next.seeds], ['here', next.here], ['picture', next.picture]];
      legend.replaceChildren(
        ...kinds.filter(([, points]) => points.length).map(([kind]) => {
          return make('li', {}, make('span', { className: `swatch ${kind}` }), next.names[kind]);
        }),
      );
    },
  };
}

/** Every σ of any curve, rising. @param {Curves} curves */
function sigmas({ measured, seeds, here, picture }) {
  return [...new Set([measured, here, picture, ...seeds].flat().map((point) => point.sigma))].sort((a, b) => a - b);
}

/** @param {Curves} curves @returns {uPlot.AlignedData} */
function table(curves) {
  const xs = sigmas(curves);
  /** @param {Point[]} points @param {'value' | 'low' | 'high'} field */
  const column = (points, field) => xs.map((x) => {
    const value = points.find((point) => point.sigma === x)?.[field];
    return value !== undefined && Number.isFinite(value) ? value : null;
  });
  const { measured, seeds } = curves;
  return [xs, column(measured, 'value'), column(measured, 'high'), column(measured, 'low'), ...seeds.map((points) => column(points, 'value'))];
}

/** @param {HTMLElement} root @param {Curves} curves @param {(words: string) => void} read @returns {uPlot.Options} */
function options(root, curves, read) {
  const style = getComputedStyle(root);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const font = `12px ${style.fontFamily}`;
  const { measured, seeds, here, picture, names } = curves;
  const finite = [measured, here, picture, ...seeds].flat().flatMap(({ value, high }) => [value, high]).filter(Number.isFinite);
  const xs = sigmas(curves);
  const margin = 0.03 * curves.reach;
  const axis = { font, labelFont: font, labelSize: 22, stroke: colour('quiet'), grid: { stroke: colour('hair'), width: 1 }, ticks: { stroke: colour('hair'), width: 1, size: 4 } };
  const hidden = { width: 0, points: { show: false } };

  return {
    width: root.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: {
      x: { time: false, range: [-margin, curves.reach + margin] },
      y: { range: [0, 1.08 * Math.max(...finite, 1e-3)] },
    },
    axes: [
      { ...axis, label: 'σ, noise in training', size: 30, space: 56, values: (_, splits) => splits.map((split) => split.toFixed(2)) },
      { ...axis, label: curves.axis, size: 44, values: (_, splits) => splits.map((split) => (split === 0 ? '0' : String(+split.toPrecision(3)))) },
    ],
    series: [
      {},
      { stroke: colour('before'), width: 2, points: { show: true, size: 6, width: 0, fill: colour('before') } },
      hidden,
      hidden,
      ...seeds.map(() => ({ stroke: colour('faint'), width: 1, points: { show: false } })),
    ],
    bands: [{ series: [2, 3], fill: colour('band') }],
    hooks: {
      drawAxes: [(u) => drawDial(u, curves.sigma, colour('faint'))],
      draw: [(u) => {
        for (const point of here) drawWhisker(u, point, colour('here'));
        for (const point of picture) drawDiamond(u, point, colour('after'));
      }],
      setCursor: [(u) => {
        const x = u.cursor.idx == null ? undefined : xs[u.cursor.idx];
        if (x === undefined) return read('');
        const parts = /** @type {[string, Point[]][]} */ ([[names.measured, measured], [names.here, here], [names.picture, picture]]).flatMap(([name, points]) => {
          const point = points.find((point) => point.sigma === x);
          return point ? [`${name}: ${interval(point)}`] : [];
        });
        read(`${sigmaWords(x)} · ${parts.join(' · ')}`);
      }],
    },
  };
}

/** A value with its interval, where it has one. @param {Point} point */
export function interval({ value, low, high }) {
  return Object.is(low, high) ? figure(value) : `${figure(value)} (${figure(low)} to ${figure(high)})`;
}

/** @param {uPlot} u @param {number} x @param {number} y @returns {[number, number]} on the canvas */
const place = (u, x, y) => [u.valToPos(x, 'x', true), u.valToPos(y, 'y', true)];

/** @param {uPlot} u @param {number} sigma @param {string} colour */
function drawDial(u, sigma, colour) {
  const x = Math.round(u.valToPos(sigma, 'x', true));
  u.ctx.save();
  u.ctx.strokeStyle = colour;
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  u.ctx.beginPath();
  u.ctx.moveTo(x, u.bbox.top);
  u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
  u.ctx.stroke();
  u.ctx.restore();
}

/** A ring with its interval. @param {uPlot} u @param {Point} point @param {string} colour */
function drawWhisker(u, { sigma, value, low, high }, colour) {
  if (!Number.isFinite(value)) return;
  const [x, y] = place(u, sigma, value);
  const radius = 4.5 * devicePixelRatio;
  u.ctx.save();
  u.ctx.strokeStyle = colour;
  u.ctx.lineWidth = 2 * devicePixelRatio;
  u.ctx.beginPath();
  u.ctx.arc(x, y, radius, 0, 2 * Math.PI);
  const top = Number.isFinite(high) ? u.valToPos(high, 'y', true) : u.bbox.top;
  const bottom = u.valToPos(low, 'y', true);
  if (top < y - radius) {
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, y - radius);
  }
  if (bottom > y + radius) {
    u.ctx.moveTo(x, y + radius);
    u.ctx.lineTo(x, bottom);
  }
  u.ctx.stroke();
  u.ctx.restore();
}

/** @param {uPlot} u @param {Point} point @param {string} colour */
function drawDiamond(u, { sigma, value }, colour) {
  const [x, y] = place(u, sigma, value);
  const size = 6 * devicePixelRatio;
  u.ctx.save();
  u.ctx.fillStyle = colour;
  u.ctx.beginPath();
  u.ctx.moveTo(x, y - size);
  u.ctx.lineTo(x + size, y);
  u.ctx.lineTo(x, y + size);
  u.ctx.lineTo(x - size, y);
  u.ctx.fill();
  u.ctx.restore();
}
