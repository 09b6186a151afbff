// The user's own networks, from ONNX files or weights in safetensors: they become a family that works with everything
// on the page. A second network for the same pictures joins the first.

import * as shelf from '../shelf.js';
import { complain } from '../view/alert.js';
import { ownForm } from '../view/own.js';
import { percent } from '../words.js';

/** @typedef {import('../page.js').Family} Family */
/** @typedef {import('../page.js').ModelEntry} ModelEntry */

/** Largest file, in bytes: a larger one would not fit into the module's memory together with an attack. */
const LARGEST = 500e6;

/** Where the module stops in the middle of a file of at least this size, in bytes, it had no memory left. */
const LARGE = 100e6;

/** @param {number} size in bytes */
const megabytes = (size) => `${Math.round(size / 1e6)} MB`;

/** @param {Blob} file */
const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

/** A network with its weights in one file. @param {import('../bridge.js').Bridge} bridge @param {Blob} network @param {File[]} weights */
async function joined(bridge, network, weights) {
  const others = await Promise.all(weights.map(async (file) => ({ name: file.name, bytes: await bytesOf(file) })));
  return new Blob([await bridge.join(await bytesOf(network), others)]);
}

/** Whether a file is a network, not a picture. @param {File} file */
export const isNetwork = ({ name }) => /\.(onnx|safetensors)$/i.test(name);

/** Whether a file holds the names of classes. @param {File} file */
export const isLabels = ({ name }) => /\.(txt|json)$/i.test(name);

/** Whether a file holds weights of an ONNX file, such as `mine.onnx.data`. @param {File} file */
const isWeights = ({ name }) => /(\.data|_data|\.bin|\.weights?)$/i.test(name);

/** The files that belong to a network, the network first. @param {File[]} files */
export function ownFiles(files) {
  const network = files.find(isNetwork) ?? files[0];
  const labels = files.find((file) => file !== network && isLabels(file));
  return [network, ...(labels ? [labels] : []), ...files.filter((file) => file !== network && isWeights(file))];
}

/** Whether networks of both families can be on the same dial. @param {Family} one @param {Family} other */
const alike = (one, other) => one.architecture === other.architecture && one.labels.length === other.labels.length
  && JSON.stringify(one.input) === JSON.stringify(other.input);

/** The text of a file, in UTF-16 if its first bytes say so, else in UTF-8. @param {Blob} file */
async function textOf(file) {
  const bytes = await bytesOf(file);
  const mark = bytes[0] * 256 + bytes[1];
  return new TextDecoder(mark === 0xfffe ? 'utf-16le' : mark === 0xfeff ? 'utf-16be' : 'utf-8').decode(bytes);
}

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {ReturnType<typeof import('./choose.js').chooseFlow>} choosing
 */
export function ownFlow(page, session, { useFamily, leaveOwn }) {
  const widget = ownForm({
    onNetwork: open,
    onLabels: ([file]) => name(file),
    onChange: reread,
    onKeep: store,
    onLeave: () => {
      clearProblem();
      leaveOwn();
    },
    onReturn: () => {
      clearProblem();
      if (family && page.wanted.family !== family) useFamily(family);
      else reopen();
    },
  });
  /** The file that is being read or could not be read, and other files with its weights. @type {{ name: string, file: Blob, weights: File[] } | null} */
  let given = null;
  /** The network whose settings the form shows. @type {ModelEntry | null} */
  let set = null;
  /** The text of a file of labels. @type {string | undefined} */
  let labels;
  /** The networks, once one is read. @type {Family | null} */
  let family = null;
  /** The files of the networks, by name. @type {Map<string, Blob>} */
  const files = new Map();
  /** The networks that the browser has stored at an earlier visit. @type {import('../shelf.js').Stored[] | undefined} */
  let kept;
  /** @type {string[]} */
  let notes = [];
  /** The sentence on storing it, once the user has chosen. */
  let storage = '';
  /** Why the last file cannot be used; empty if it can. */
  let problem = '';
  /** Number of requests so far: only the last one is used. */
  let requests = 0;
  /** What the form shows. @type {Parameters<typeof widget.show>[0]} */
  let shown = { given: false, used: 'never', kept: [], allowed: true, status: '', notes: [] };

  shelf.read().then((stored) => {
    kept = stored;
    page.changed();
  });

  /** Opens a network. @param {File[]} files the network, and what belongs to it @returns {Promise<boolean>} whether it is in use now */
  async function open(files) {
    if (!page.allows('classify')) {
      complain('Another network has to wait until the measuring is done or cancelled.');
      return false;
    }
    const [network, ...others] = ownFiles(files);
    const names = others.find(isLabels);
    labels = names && await textOf(names);
    widget.restore({ normalisation: widget.options().normalisation }); // the size was another network's
    return read(network.name, network, others.filter(isWeights));
  }

  /** Takes the names of the classes from a file. @param {File} file @returns {Promise<boolean>} whether they are in use now */
  async function name(file) {
    const before = labels;
    labels = await textOf(file);
    const taken = await reread();
    if (!taken) labels = before;
    return taken;
  }

  /** Opens the stored networks again, each as if the user gave its file. */
  async function reopen() {
    for (const { name, file, options } of waiting()) {
      ({ labels } = options);
      widget.restore(options);
      await read(name, file);
    }
    widget.keep(true); // not before: every network read in the meantime would be stored without those after it
  }

  /** The stored networks that are not on the page. */
  const waiting = () => (kept ?? []).filter(({ name }) => !files.has(name));

  /** The network of the user that is in use, if one is. */
  const current = () => (family && page.wanted.family === family ? page.wanted.model : null);

  /** Reads a file again with other settings: the one that could not be read, else that of the network in use. */
  async function reread() {
    const { name, file, weights } = given ?? { name: current()?.id ?? '', file: files.get(current()?.id ?? ''), weights: [] };
    return file !== undefined && read(name, file, weights);
  }

  /** Forgets a file that could not be read, and what the form says of it. */
  function clearProblem() {
    given = set = null;
    problem = '';
  }

  /** Reads a network. If that fails, the page stays as it was. @param {string} name @param {Blob} file @param {File[]} [weights] @returns {Promise<boolean>} whether it is in use now */
  async function read(name, file, weights = []) {
    given = { name, file, weights };
    const size = [file, ...weights].reduce((sum, { size }) => sum + size, 0);
    const request = (requests += 1);
    widget.show((shown = { ...shown, status: `Reading ${name}…`, notes: [] }));
    try {
      if (size > LARGEST) throw new Error(`it has ${megabytes(size)}, and at most ${LARGEST / 1e6} MB are read`);
      const bridge = await session.worker();
      const whole = weights.length > 0 ? await joined(bridge, file, weights) : file;
      const own = await bridge.network(name, await bytesOf(whole), { ...widget.options(), labels });
      if (request !== requests) return false;
      clearProblem();
      adopt(whole, own);
      if (widget.keeps()) await store(true);
      return true;
    } catch (error) {
      if (request !== requests) return false;
      const message = error instanceof Error ? error.message : String(error);
      const words = size > LARGE && message.startsWith('The computation stopped') ? `its ${megabytes(size)} are too much for this browser’s memory` : message;
      const what = words.replace(/^the ONNX network cannot be used: /, '').replace(/[^.!?]$/, '$&.');
      problem = what.startsWith('the labels') ? `${name}: ${what}` : `“${name}” cannot be used: ${what}`;
      page.changed();
      return false;
    }
  }

  /** Adds the network to those before; replaces them if they are for other pictures or have other names for the classes. @param {Blob} file @param {import('../../pkg/decoy.js').Own} own */
  function adopt(file, own) {
    const [model] = own.family.models;
    const before = family?.models.find(({ id }) => id === model.id);
    const agree = labels === undefined || before !== undefined || JSON.stringify(family?.labels) === JSON.stringify(own.family.labels);
    const others = family && agree && alike(family, own.family) ? family.models.filter(({ id }) => id !== model.id) : [];
    for (const { id, file } of family?.models ?? []) {
      if (others.every((other) => other.id !== id)) URL.revokeObjectURL(file);
    }
    model.file = URL.createObjectURL(file);
    for (const name of files.keys()) if (others.every(({ id }) => id !== name)) files.delete(name);
    files.set(model.id, file);
    family = { ...own.family, models: [...others, model], ...(family && others.length && labels === undefined && { labels: family.labels }) };
    const replaced = before !== undefined && before.sha256 !== model.sha256;
    notes = [...own.notes, ...(replaced ? ['It takes the place of another file of the same name. To have both, rename one.'] : [])];
    session.adopt(family);
    useFamily(family, model);
  }

  /** @param {boolean} wanted */
  async function store(wanted) {
    if (wanted) {
      const labels = JSON.stringify(family?.labels);
      const networks = (family?.models ?? []).map(({ id, normalisation }) => ({ name: id, file: /** @type {Blob} */ (files.get(id)), options: { ...widget.options(), normalisation, labels } }));
      const stored = [...waiting(), ...networks];
      const done = await shelf.write(stored);
      if (done) kept = stored;
      widget.keep(done);
      storage = done ? 'This browser keeps it for the next visit.' : 'This browser cannot store it. It stays until the page is closed.';
    } else {
      await shelf.clear();
      kept = undefined;
      storage = 'This browser does not keep it: it stays until the page is closed.';
    }
    page.changed();
  }

  /** Describes the network and its prediction, which shows best whether its pixels are normalised correctly. @param {Family} own */
  function describe({ input: { channels, height, width }, labels, models }) {
    const colours = channels === 1 ? 'grey' : 'in colour';
    const what = `${(current() ?? models[0]).id}: pictures of ${width}×${height}, ${colours}, ${labels.length} classes.`;
    if (page.shown?.family !== family) return what;
    const [first, second] = page.shown.predictions;
    const seen = [first, second].map(({ label, probability }) => `“${label}”, ${percent(probability)} sure`).join('; ');
    return `${what} In the picture above it sees ${seen}. If that is wrong, try another form of its pixels below.`;
  }

  return {
    open,
    name,

    show() {
      const used = family === null ? 'never' : page.wanted.family === family ? 'now' : 'before';
      const model = current();
      if (model && model !== set) {
        // Another network is in use: the form shows how that one takes its pixels.
        const { height, width } = page.wanted.family.input;
        clearProblem();
        set = model;
        widget.restore({ normalisation: model.normalisation, input_size: [height, width] });
      }
      shown = { ...shown, given: given !== null || used === 'now', used, kept: used === 'before' ? [] : waiting().map(({ name }) => name), allowed: page.allows('classify') };
      if (problem) Object.assign(shown, { status: problem, notes: [] });
      else if (family && !page.runs('classify')) Object.assign(shown, { status: describe(family), notes: [...notes, ...(storage ? [storage] : [])] });
      widget.show(shown);
    },
  };
}
