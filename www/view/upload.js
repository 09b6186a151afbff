// A picture of one's own: chosen, dropped anywhere, or pasted.

import { find } from './dom.js';

/** @param {(file: File) => void} onFile @param {(sentence: string) => void} onNone there is no file in what was given */
export function upload(onFile, onNone) {
  const input = find('file', HTMLInputElement);
  const drop = find('drop', HTMLElement);

  /** @param {Event} event @param {DataTransfer | null} transfer @param {string} given */
  function take(event, transfer, given) {
    if (!transfer?.types.length || isText(event, transfer)) return;
    event.preventDefault();
    const [file] = transfer.files;
    if (file) onFile(file);
    else onNone(`What was ${given} holds no picture, at most its address. Save the picture and choose its file, or copy the picture itself and paste it.`);
  }

  const choose = () => {
    const file = input.files?.[0];
    // Emptied, so that the same file can be chosen again.
    if (file) onFile(file);
    input.value = '';
  };
  input.onchange = choose;
  // It may have been chosen before this program was here.
  choose();
  document.addEventListener('paste', (event) => take(event, event.clipboardData, 'pasted'));
  document.addEventListener('dragover', (event) => {
    const { dataTransfer } = event;
    if (!dataTransfer) return;
    const text = isText(event, dataTransfer);
    drop.hidden = text || !dataTransfer.types.includes('Files');
    // What is left to the browser, an address too, may be opened in the page's place.
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

/** Whether it is text for a field: what office programs copy has a picture of the text beside it. @param {Event} event @param {DataTransfer} transfer */
function isText({ target }, { types }) {
  return types.includes('text/plain') && target instanceof Element && target.matches(':read-write');
}
