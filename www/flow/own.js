// A network of one's own, from an ONNX file: it becomes a family of one network, and everything on the page works on it.

import { complain } from '../view/alert.js';
import { ownForm } from '../view/own.js';
import { percent } from '../words.js';

/** @typedef {import('../page.js').Family} Family */

/** More does not fit into the module's memory beside what an attack needs, in bytes. */
const LARGEST = 500e6;

/** How a file is called that holds a network. */
const NETWORK = /\.onnx$/i;

/** Whether it is a network and no picture. @param {File} file */
export const isNetwork = ({ name }) => NETWORK.test(name);

/**
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session
 * @param {(family: Family) => void} use has a family look at the picture
 * @param {() => void} leave back to the networks of the page
 */
export function ownFlow(page, session, use, leave) {
  const widget = ownForm({
    onNetwork: open,
    onLabels: async (file) => {
      labels = await file.text();
      read();
    },
    onChange: read,
    onLeave: leave,
    onReturn: () => family && use(family),
  });
  /** @type {File | null} */
  let given = null;
  /** The text of a file of labels. @type {string | undefined} */
  let labels;
  /** The network, once it is read. @type {Family | null} */
  let family = null;
  /** @type {string[]} */
  let notes = [];
  /** Why the file given last cannot be used. */
  let problem = '';
  /** Counts what was asked for: the last one counts. */
  let asked = 0;

  /** @param {File} file */
  function open(file) {
    if (!page.allows('look')) return complain('Another network has to wait until the measuring is done or cancelled.');
    given = file;
    labels = undefined;
    read();
  }

  /** What cannot be read leaves the page as it was. */
  async function read() {
    if (!given) return;
    const { name, size } = given;
    const turn = (asked += 1);
    widget.tell(`Reading ${name}…`);
    try {
      if (size > LARGEST) throw new Error(`it has ${Math.round(size / 1e6)} MB, and at most ${LARGEST / 1e6} MB are read`);
      const bytes = new Uint8Array(await given.arrayBuffer());
      const bridge = await session.worker();
      const own = await bridge.network(name, bytes, { ...widget.options(), labels });
      if (turn !== asked) return;
      if (family) URL.revokeObjectURL(family.models[0].file);
      own.family.models[0].file = URL.createObjectURL(given);
      ({ family, notes } = own);
      problem = '';
      session.adopt(own.family);
      use(own.family);
    } catch (error) {
      if (turn !== asked) return;
      const words = error instanceof Error ? error.message : String(error);
      problem = `“${name}” cannot be used: ${words.replace(/^the ONNX network cannot be used: /, '').replace(/[^.!?]$/, '$&.')}`;
      page.changed();
    }
  }

  /** What it is, and what it sees: whether its pixels are taken rightly is best seen by that. @param {Family} own */
  function describe({ title, input: { channels, height, width }, labels }) {
    const colours = channels === 1 ? 'grey' : 'in colour';
    const what = `${title}: pictures of ${width}×${height}, ${colours}, ${labels.length} classes.`;
    if (page.shown?.family !== family) return what;
    const [first, second] = page.shown.predictions;
    const seen = [first, second].map(({ label, probability }) => `“${label}”, ${percent(probability)} sure`).join('; ');
    return `${what} In the picture above it sees ${seen}. If that is wrong, it may take its pixels otherwise.`;
  }

  return {
    open,

    show() {
      const used = family === null ? 'never' : page.wanted.family === family ? 'now' : 'before';
      if (problem) widget.tell(problem);
      else if (family && page.job?.kind !== 'look') widget.tell(describe(family), notes);
      widget.show({ given: given !== null, used, allowed: page.allows('look') });
    },
  };
}

