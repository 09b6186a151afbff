// Says that a result was found with other settings than those now in the form.

import { find } from './dom.js';

export function olderLine() {
  const line = find('older', HTMLElement);

  return {
    /** @param {{ words: string }} state empty where the settings are the same */
    show({ words }) {
      line.hidden = !words;
      line.textContent = words;
    },
  };
}
