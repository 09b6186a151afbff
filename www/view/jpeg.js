// What JPEG would leave of the adversarial picture, in words.

import { find, write } from './dom.js';

export function jpegLine() {
  const line = find('jpeg', HTMLElement);

  return {
    /** @param {{ visible: boolean, words: string }} state */
    show({ visible, words }) {
      line.hidden = !visible;
      write(line, words);
    },
  };
}
