// ‖Δx‖ against σ, as a plot.

import { figure, sigmaWords } from '../words.js';

/** @typedef {import('../vendor/uPlot.js').default} uPlot */
/** @typedef {import('../robustness.js').Point} Point */
/** @typedef {import('./plot.js').Palette} Palette */
/** @typedef {import('./plot.js').Plot} Plot */

/**
 * @typedef {object} Curves
 * @property {Point[]} measured the shipped curve, with intervals
 * @property {Point[][]} seeds a curve for each training seed
 * @property {Point[]} predicted the change predicted from the accuracy under noise
 * @property {number | null} limit upper limit for any network
 * @property {Point[]} here measured on this machine
 * @property {Point[]} picture of the current picture
 * @property {number} sigma of the dial
 * @property {number} reach the largest σ
 * @property {string} axis label of the vertical axis
 * @property {Record<'measured' | 'band' | 'seeds' | 'predicted' | 'limit' | 'here' | 'picture', string>} names
 */

/** The chart shows intervals up to this many times the largest value; those over two trainings are very long. */
const LONGEST_INTERVAL = 1.5;

/** @param {Curves} curves @returns {(colour: Palette) => Plot} */
export const curvesPlot = (curves) => (colour) => {
  const { measured, seeds, predicted, limit, here, picture, names } = curves;
  const xs = sigmasOf(curves);
  /** @param {Point[]} points @param {'value' | 'low' | 'high'} field */
  const column = (points, field) => xs.map((x) => {
    const value = points.find((point) => point.sigma === x)?.[field];
    return value !== undefined && Number.isFinite(value) ? value : null;
  });
  const values = [measured, predicted, here, picture, ...seeds].flat().map(({ value }) => value).concat(limit ?? []).filter(Number.isFinite);
  const largest = Math.max(...values, 1e-3);
  const highs = [measured, here].flat().map(({ high }) => high).filter(Number.isFinite);
  const margin = 0.03 * curves.reach;
  return {
    across: { label: 'σ, noise in training', reach: [-margin, curves.reach + margin], words: (value) => value.toFixed(2) },
    up: { label: curves.axis, reach: [0, 1.08 * Math.max(largest, ...highs.map((high) => Math.min(high, LONGEST_INTERVAL * largest)))], words: (value) => (value === 0 ? '0' : String(+value.toPrecision(3))) },
    xs,
    lines: [
      ...seeds.map((points) => ({ values: column(points, 'value'), colour: colour('faint') })),
      { values: column(predicted, 'value'), colour: colour('predicted'), width: 2, dash: [2, 4] },
      { values: column(measured, 'value'), colour: colour('before'), width: 2, dots: true },
    ],
    band: { high: column(measured, 'high'), low: column(measured, 'low') },
    below: (u) => {
      drawLine(u, u.valToPos(curves.sigma, 'x', true), 'vertical', colour('faint'), [4, 4]);
      if (limit !== null) drawLine(u, u.valToPos(limit, 'y', true), 'horizontal', colour('quiet'), [8, 4]);
    },
    above: (u) => {
      for (const point of here) drawWhisker(u, point, colour('here'));
      for (const point of picture) drawDiamond(u, point, colour('after'));
    },
    read: (index) => {
      const parts = /** @type {[string, Point[]][]} */ ([[names.measured, measured], [names.predicted, predicted], [names.here, here], [names.picture, picture]]).flatMap(([name, points]) => {
        const point = points.find(({ sigma }) => sigma === xs[index]);
        return point ? [`${name}: ${interval(point)}`] : [];
      });
      return `${sigmaWords(xs[index])} · ${parts.join(' · ')}`;
    },
    legend: /** @type {[string, string, boolean][]} */ ([
      ['measured', names.measured, measured.length > 0],
      ['band', names.band, measured.some(({ low }) => Number.isFinite(low))],
      ['seeds', names.seeds, seeds.length > 0],
      ['predicted', names.predicted, predicted.length > 0],
      ['limit', names.limit, limit !== null],
      ['here', names.here, here.length > 0],
      ['picture', names.picture, picture.length > 0],
    ]).flatMap(([swatch, words, there]) => (there ? [{ swatch, words }] : [])),
  };
};

/** Every σ of any curve, in rising order. @param {Curves} curves */
function sigmasOf({ measured, seeds, predicted, here, picture }) {
  return [...new Set([measured, predicted, here, picture, ...seeds].flat().map((point) => point.sigma))].sort((a, b) => a - b);
}

/** A value with its interval, if it has one, in words. @param {Point} point */
export function interval({ value, low, high }) {
  return Object.is(low, high) ? figure(value) : `${figure(value)} (${figure(low)} to ${figure(high)})`;
}

/** Draws a line across the whole chart. @param {uPlot} u @param {number} at in the canvas's pixels @param {'vertical' | 'horizontal'} way @param {string} colour @param {number[]} dash */
function drawLine(u, at, way, colour, dash) {
  const { left, top, width, height } = u.bbox;
  const [x, y] = way === 'vertical' ? [Math.round(at), top] : [left, Math.round(at)];
  u.ctx.save();
  u.ctx.strokeStyle = colour;
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  u.ctx.beginPath();
  u.ctx.moveTo(x, y);
  u.ctx.lineTo(way === 'vertical' ? x : left + width, way === 'vertical' ? top + height : y);
  u.ctx.stroke();
  u.ctx.restore();
}

/** @param {uPlot} u @param {number} x @param {number} y @returns {[number, number]} on the canvas */
const place = (u, x, y) => [u.valToPos(x, 'x', true), u.valToPos(y, 'y', true)];

/** Draws a ring with its interval. @param {uPlot} u @param {Point} point @param {string} colour */
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
