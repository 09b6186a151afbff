// How numbers and names are written, everywhere on the page.

import { isOwnFile } from './contents.js';

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** @param {number} sigma */
export const sigmaWords = (sigma) => `σ = ${sigma.toFixed(2)}`;

/** The name of a network: the σ of its training, or the file name of the user's own network. @param {Pick<import('../pkg/decoy.js').ModelEntry, 'id' | 'sigma' | 'file'>} model */
export const networkName = (model) => (isOwnFile(model) ? model.id : sigmaWords(model.sigma));

/** Three significant digits; ∞ where the attack failed, – for NaN. @param {number} value */
export function figure(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞';
  if (value === 0) return '0';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}

/** Names of the norms, and what each measures. @type {Record<import('../pkg/decoy.js').Norm, { symbol: string, name: string, words: string }>} */
export const NORMS = {
  l2: { symbol: '‖Δx‖₂', name: 'L2', words: 'overall length' },
  linf: { symbol: '‖Δx‖∞', name: 'L∞', words: 'largest change of one value' },
  l1: { symbol: '‖Δx‖₁', name: 'L1', words: 'sum of all changes' },
  l0: { symbol: '‖Δx‖₀', name: 'L0', words: 'how many values change' },
};

/** A norm of a change as text; L0 is a count. @param {import('../pkg/decoy.js').Norm} norm @param {number} value */
export const normFigure = (norm, value) => (norm === 'l0' ? value.toLocaleString('en') : figure(value));

/** The norm with its symbol. @param {import('../pkg/decoy.js').Norm} norm @param {number} value */
export const sizeWords = (norm, value) => `${NORMS[norm].symbol} = ${normFigure(norm, value)}`;

/** @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${(milliseconds / 60_000).toFixed(milliseconds < 600_000 ? 1 : 0)} min`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** @param {import('../pkg/decoy.js').DeviceReport} report */
export const deviceName = ({ kind, name, threads }) => (kind === 'webgpu' ? `${name} (WebGPU)` : threads > 1 ? `the CPU (${threads} threads)` : 'the CPU');

/** Numbers of gradients and predictions. A gradient is a forward and a backward pass, a prediction one forward pass. @param {import('../pkg/decoy.js').Passes} passes */
export const spent = ({ forward, backward }) => [backward && counted(backward, 'gradient'), forward > backward && counted(forward - backward, 'prediction')].filter(Boolean).join(' and ');

/** The cost in forward passes: a backward pass takes about twice as long. @param {import('../pkg/decoy.js').Passes} passes */
export const work = ({ forward, backward }) => forward + 2 * backward;

/**
 * An attack and its parameters in a few words.
 * @param {import('../pkg/decoy.js').AttackOptions} options @param {import('../pkg/decoy.js').AttackInfo | undefined} info undefined until the program has loaded
 */
export function attackWords({ attack, norm, steps, target, sure, region, ...values }, info) {
  const form = info?.forms.find((form) => form.norm === norm) ?? info?.forms[0];
  return [
    info?.title ?? attack,
    norm && NORMS[norm].name,
    steps !== undefined && counted(Number(steps), 'step'),
    ...(form?.parameters ?? []).filter(({ name }) => name in values).map(({ name, label }) => `${label.toLowerCase()} ${values[name]}`),
    target && `made to see “${target}”`,
    sure !== undefined && `at least ${Math.round(100 * Number(sure))} % sure`,
    region && `inside a part only (${String(region).replaceAll(',', ', ')})`,
  ].filter(Boolean).join(', ');
}

/** The mean change of one value of the picture, in the 256 shades of a file. @param {number} l1 @param {number} values */
export const average = (l1, values) => `${figure((255 * l1) / values)} of 255`;

/** Turns a text into a file name. @param {string} text */
export const slug = (text) => text.toLowerCase().replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'picture';
