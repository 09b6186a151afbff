// A button that copies a text.

/** @param {HTMLElement} button @param {HTMLElement} line says whether it was copied @param {() => string} text @param {() => string} refused said where the browser forbids it */
export function copyOnClick(button, line, text, refused) {
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text());
      line.textContent = 'Copied.';
    } catch {
      line.textContent = refused();
    }
  };
}
