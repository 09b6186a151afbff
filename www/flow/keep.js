// What the user can keep: the changed picture, a link, the command, and the list of what was tried.

import { isOwn } from '../contents.js';
import * as link from '../link.js';
import { commandLine } from '../view/command.js';
import { saveForm } from '../view/keep.js';
import { showOlder } from '../view/older.js';
import { triedList } from '../view/tried.js';

/** @param {import('../page.js').Page} page @param {ReturnType<typeof import('../view/attack.js').attackForm>} form */
export function keepFlow(page, form) {
  const saving = saveForm();
  const native = commandLine();
  const tried = triedList(form);

  return {
    show() {
      const { wanted, result, trials } = page;
      const options = form.peek();
      const older = showOlder(result?.options, options, form.info);
      const missing = page.ownPicture ? 'your picture' : isOwn(wanted.family) ? 'your network' : '';
      const repeats = result !== null && !older && !missing;
      saving.show({ result, words: link.write(wanted, options, repeats), missing, repeats });
      native.show({ result });
      tried.show({ trials });
    },
  };
}
