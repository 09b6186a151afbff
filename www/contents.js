// The contents of the site: its networks, and how its files are fetched.

import { gone } from './renew.js';

/** @typedef {import('../pkg/decoy.js').Family} Family */

/**
 * @typedef {object} Networks
 * @property {string} text the content of `models.json`
 * @property {Family[]} families each with its models sorted by σ
 */

/** The end of a message about a script that the browser does not run. */
export const NOT_JAVASCRIPT = 'this site’s server does not call it JavaScript (text/javascript).';

/** The folder of this version's files; the page itself and the weights of the networks are outside of it. */
const versionFolder = new URL('./', import.meta.url);

/** The address of a file of this version. @param {string} path */
export const address = (path) => new URL(path, versionFolder).href;

/** Whether it is the user's own network, from an ONNX file. @param {Family} family */
export const isOwn = ({ id }) => id === 'own';

/** Whether its weights are in the user's own file, not on the site. @param {Pick<import('../pkg/decoy.js').ModelEntry, 'file'>} model */
export const isOwnFile = ({ file }) => file.startsWith('blob:');

/** @returns {Promise<Networks>} */
export async function fetchNetworks() {
  const path = 'models/models.json';
  const text = await (await get(path)).text();
  /** @type {Family[]} */
  const families = parse(path, text)?.families ?? [];
  if (!families.length || families.some(({ models }) => !models?.length)) throw unreadable(path);
  return { text, families: families.map((family) => ({ ...family, models: family.models.toSorted((a, b) => a.sigma - b.sigma) })) };
}

/** @param {string} path @returns {Promise<any>} */
export async function json(path) {
  return parse(path, await (await get(path)).text());
}

/** @param {string} path @param {AbortSignal} [signal] */
export async function get(path, signal) {
  const response = await fetch(address(path), { signal }).catch(() => {
    throw signal?.aborted ? signal.reason : unreachable(path);
  });
  if (!response.ok) throw gone(`The file ${path} is missing on this site (status ${response.status}).`);
  return response;
}

/** @param {string} path @param {string} text @returns {any} */
function parse(path, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(path);
  }
}

/** @param {string} path */
export const unreachable = (path) => new Error(`The file ${path} could not be fetched. Are you offline?`);

/** @param {string} path */
export const unreadable = (path) => new Error(`The file ${path} is not what this page expects.`);
