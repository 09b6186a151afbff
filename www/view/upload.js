// A picture of one's own: chosen, dropped anywhere, or pasted.

import { find } from './dom.js';

/** The module decides what it reads; this only keeps a giant file out of memory. */
const ENOUGH = 65 * 1024 * 1024;

/** @param {(file: File) => void} onFile */
export function upload(onFile) {
  const input = find('file', HTMLInputElement);
  const drop = find('drop', HTMLElement);
  /** @param {DataTransfer | null} transfer */
  const first = (transfer) => {
    const file = transfer?.files[0];
    if (file) onFile(file);
    return file !== undefined;
  };

  const take = () => {
    const file = input.files?.[0];
    // Emptied, so that the same file can be chosen again.
    if (file) onFile(file);
    input.value = '';
  };
  input.onchange = take;
  // It may have been chosen before this program was here.
  take();
  document.addEventListener('paste', (event) => {
    if (first(event.clipboardData)) event.preventDefault();
  });
  document.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    drop.hidden = false;
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.hidden = true;
    first(event.dataTransfer);
  });
}

/** @param {File} file */
export async function bytesOf(file) {
  const buffer = await file.slice(0, ENOUGH).arrayBuffer().catch(() => {
    throw new Error(`“${file.name}” cannot be read.`);
  });
  return new Uint8Array(buffer);
}
