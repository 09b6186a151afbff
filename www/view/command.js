// Shows the command that repeats the attack natively, for copying.

import { command } from '../command.js';
import { copyOnClick } from './copy.js';
import { find } from './dom.js';

export function commandLine() {
  const words = find('command-words', HTMLElement);
  const copied = find('command-copied', HTMLElement);

  copyOnClick(find('copy-command', HTMLButtonElement), copied, () => words.textContent ?? '', () => 'The browser does not let this page copy: select the command instead.');

  return {
    /** @param {{ result: import('../page.js').Result | null }} state */
    show({ result }) {
      const line = result ? command(result) : '';
      find('command', HTMLElement).hidden = !result;
      if (words.textContent === line) return;
      words.textContent = line;
      copied.textContent = '';
    },
  };
}
