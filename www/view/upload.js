// The user's own picture: chosen, dropped anywhere, or pasted.

import { find } from './dom.js';

/** @param {(files: File[], given: string) => void} onFiles at least one file, and how it was given @param {(sentence: string) => void} onNone called if no file was given */
export function upload(onFiles, onNone) {
  const input = find('file', HTMLInputElement);
  const drop = find('drop', HTMLElement);

  /** @param {Event} event @param {DataTransfer | null} transfer @param {string} given */
  function take(event, transfer, given) {
    if (!transfer?.types.length || isText(event, transfer)) return;
    event.preventDefault();
    if (transfer.files.length) onFiles([...transfer.files], given);
    else onNone(`What was ${given} holds no picture, at most its address. Save the picture and choose its file, or copy the picture itself and paste it.`);
  }

  const choose = () => {
    const file = input.files?.[0];
    // Cleared, so that the same file can be chosen again.
    if (file) onFiles([file], 'chosen');
    input.value = '';
  };
  input.onchange = choose;
  // A file may have been chosen before this script ran.
  choose();
  document.addEventListener('paste', (event) => take(event, event.clipboardData, 'pasted'));
  document.addEventListener('dragover', (event) => {
    const { dataTransfer } = event;
    if (!dataTransfer) return;
    const text = isText(event, dataTransfer);
    drop.hidden = text || !dataTransfer.types.includes('Files');
    // Without this the browser may leave the page and open what was dropped, such as an address.
    if (!text) event.preventDefault();
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    drop.hidden = true;
    take(event, event.dataTransfer, 'dropped');
  });
}

/** Whether it is text for a text field. Office programs copy a picture together with the text. @param {Event} event @param {DataTransfer} transfer */
function isText({ target }, { types }) {
  return types.includes('text/plain') && target instanceof Element && target.matches(':read-write');
}
