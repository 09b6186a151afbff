// What the user can keep: the changed picture, a link, the command, and the list of what was tried.

import { isOwn } from '../contents.js';
import * as link from '../link.js';
import { commandLine } from '../view/command.js';
import { saveForm } from '../view/keep.js';
import { olderLine } from '../view/older.js';
import { triedList } from '../view/tried.js';
import { attackWords } from '../words.js';

/** @param {import('../page.js').Page} page @param {ReturnType<typeof import('../view/attack.js').attackForm>} form */
export function keepFlow(page, form) {
  const saving = saveForm();
  const native = commandLine();
  const older = olderLine();
  const tried = triedList();

  /** An attack in words. An empty field is NaN: the options are not complete yet. @param {import('../page.js').AttackOptions} options */
  const words = (options) => (Object.values(options).some((value) => Number.isNaN(value)) ? 'something else' : attackWords(options, form.info(options.attack)));

  return {
    show() {
      const { wanted, result, trials } = page;
      const options = form.peek();
      const differ = result !== null && options !== null && JSON.stringify(result.options) !== JSON.stringify(options);
      const missing = page.ownPicture ? 'your picture' : isOwn(wanted.family) ? 'your network' : '';
      const repeats = result !== null && !differ && !missing;
      saving.show({ result, words: link.write(wanted, options, repeats), missing, repeats });
      native.show({ result });
      older.show({ words: differ ? `This was found with ${words(result.options)}; the settings are now ${words(options)}.` : '' });
      tried.show({ trials, words: trials.map(({ options }) => words(options)) });
    },
  };
}
