// Result files: the measurements, with the command, commit, machine and browser that made them.

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { basename } from 'node:path';

const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** The commit, marked if files were changed since; changed result files do not count. */
export function commit() {
  const changed = git('status', '--porcelain', '--', '.', ':!benches/results') !== '';
  return git('describe', '--always', '--abbrev=12') + (changed ? '-dirty' : '');
}

/**
 * Writes a file in benches/results/ with the name of the measuring script.
 * @param {string} browser its version @param {object} measured
 */
export async function record(browser, measured) {
  const name = basename(process.argv[1], '.js');
  const result = {
    command: `node benches/browser/${name}.js`,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${os.cpus()[0].model}, ${os.cpus().length} cores`,
    browser: `Chromium ${browser}, headless`,
    ...measured,
  };
  await writeFile(`benches/results/${name}.json`, `${JSON.stringify(result, null, 2)}\n`);
}
