// The commit that was measured.

import { execFileSync } from 'node:child_process';

const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** Marked where files differ from it; those of other results do not count. */
export const commit = () => {
  const changed = git('status', '--porcelain', '--', '.', ':!benches/results') !== '';
  return git('describe', '--always', '--abbrev=12') + (changed ? '-dirty' : '');
};
