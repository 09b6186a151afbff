// Result files: the measurements, with the command, commit, machine and browser that made them.

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { basename } from 'node:path';

const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

const script = basename(process.argv[1], '.js');

/** The commit, marked if files were changed since; changed result files do not count. */
export function commit() {
  const changed = git('status', '--porcelain', '--', '.', ':!benches/results') !== '';
  return git('describe', '--always', '--abbrev=12') + (changed ? '-dirty' : '');
}

/**
 * Writes a file in benches/results/, by default with the name of the measuring script, whose arguments may be given.
 * @param {string} browser its version @param {object} measured @param {string} [name] @param {string[]} [given]
 */
export async function record(browser, measured, name = script, given = []) {
  const result = {
    command: ['node', `benches/browser/${script}.js`, ...given].join(' '),
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${os.cpus()[0].model}, ${os.cpus().length} cores`,
    browser: `Chromium ${browser}, headless`,
    ...measured,
  };
  await writeFile(`benches/results/${name}.json`, `${JSON.stringify(result, null, 2)}\n`);
}
