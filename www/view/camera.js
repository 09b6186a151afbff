// A picture from the camera: a dialog with the camera's image, and a button to take the picture.

import { find, make } from './dom.js';

/** Messages for the errors of `getUserMedia`, by name. @type {Record<string, string>} */
const REASONS = {
  NotAllowedError: 'The camera may not be used here. To allow it, change the permission for this page in the browser, then try again.',
  NotFoundError: 'No camera was found.',
  OverconstrainedError: 'No camera was found.',
  NotReadableError: 'The camera cannot be read. Another program may be using it.',
  AbortError: 'The camera stopped before it could be used.',
};

/** @param {(file: File) => void} onFile @param {(sentence: string) => void} onError */
export function camera(onFile, onError) {
  const button = find('camera', HTMLButtonElement);
  const title = make('h2', { id: 'camera-title' }, 'Camera');
  const video = make('video', { autoplay: true, muted: true, playsInline: true, ariaLabel: 'What the camera sees' });
  const waiting = make('p', { className: 'camera-wait', role: 'status' }, 'Waiting for the camera. The browser may ask you first.');
  const take = make('button', { type: 'button', className: 'primary' }, 'Take the picture');
  const close = make('button', { type: 'button' }, 'Close');
  const dialog = make('dialog', { className: 'camera' },
    title,
    make('div', { className: 'camera-view' }, video, waiting),
    make('p', { className: 'note' }, 'What the camera sees stays on this page.'),
    make('div', { className: 'camera-buttons' }, take, close));
  dialog.setAttribute('aria-labelledby', title.id);
  document.body.append(dialog);

  /** @type {MediaStream | null} */
  let stream = null;
  /** How often the dialog was opened: a camera that starts after its dialog was closed is switched off. */
  let opened = 0;

  button.onclick = async () => {
    if (!isSecureContext) return onError('The camera works only where the page comes over a secure connection (https).');
    if (!navigator.mediaDevices) return onError('This browser gives pages no camera.');
    const request = (opened += 1);
    ready(false);
    dialog.showModal();
    try {
      const granted = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 960 } } });
      if (request !== opened || !dialog.open) return stop(granted);
      stream = granted;
      video.srcObject = granted;
      for (const track of granted.getTracks()) track.onended = () => fail(REASONS.AbortError);
    } catch (error) {
      if (request === opened && dialog.open) fail(reason(error));
    }
  };
  video.onloadeddata = () => ready(true);
  take.onclick = async () => {
    const file = await snapshot(video);
    dialog.close();
    if (file) onFile(file);
    else onError('The picture could not be taken.');
  };
  close.onclick = () => dialog.close();
  // Escape closes the dialog and nothing else.
  dialog.onkeydown = (event) => event.stopPropagation();
  dialog.onclose = () => {
    if (stream) stop(stream);
    stream = video.srcObject = null;
  };
  button.disabled = false;

  /** @param {boolean} seeing */
  function ready(seeing) {
    waiting.hidden = seeing;
    take.disabled = !seeing;
    if (seeing) take.focus();
  }

  /** @param {string} sentence */
  function fail(sentence) {
    dialog.close();
    onError(sentence);
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** @param {unknown} error */
function reason(error) {
  const { name = '', message = String(error) } = error instanceof Error ? error : {};
  return REASONS[name] ?? `The camera could not be used: ${message}`;
}

/** A lossless PNG of the video, so that the network gets exactly this image. @param {HTMLVideoElement} video @returns {Promise<File | null>} */
function snapshot(video) {
  const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob && new File([blob], 'camera.png', { type: blob.type }))));
}
