// How figures are written, everywhere on the page.

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** @param {number} sigma */
export const sigma = (sigma) => `σ = ${sigma.toFixed(2)}`;

/** Three significant digits; an infinite norm is that of a picture that was not fooled. @param {number} value */
export function figure(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞';
  if (value === 0) return '0';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}

/** @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** @param {import('../../pkg/decoy.js').DeviceReport} report */
export const deviceName = ({ kind, name }) => (kind === 'webgpu' ? `${name} (WebGPU)` : 'the CPU');

/** An attack and its parameters in a few words. @param {import('../../pkg/decoy.js').AttackOptions} options @param {string} title */
export function attackWords(options, title) {
  const words = [title];
  if (options.steps !== undefined) words.push(counted(options.steps, 'step'));
  if (options.step_size !== undefined) words.push(`δ = ${options.step_size}`);
  if (options.target) words.push(`made to see “${options.target}”`);
  return words.join(', ');
}

/** How much one value of the picture changes on average, in the 256 shades of a file. @param {number} l1 @param {number} values */
export const average = (l1, values) => `${figure((255 * l1) / values)} of 255`;

/** A file name made of words. @param {string} text */
export const slug = (text) => text.toLowerCase().replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'picture';
