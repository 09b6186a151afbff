// The functions with which the widgets access the document.

/**
 * The element with this id and type; an error if there is none.
 * @template {HTMLElement} T
 * @param {string} id @param {{ new (): T, prototype: T }} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} called ${id}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} [properties] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Writes a text, but not again: screen readers would read an unchanged one once more. @param {HTMLElement} element @param {string} words */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/**
 * Start and cancel replace each other. If one of them has the focus, or one of `others`, the visible one gets it.
 * @param {HTMLElement} start @param {HTMLElement} cancel @param {boolean} running @param {HTMLElement[]} others
 */
export function swap(start, cancel, running, ...others) {
  const focused = [start, cancel, ...others].some((button) => button === document.activeElement);
  start.hidden = cancel.hidden = false;
  if (focused) (running ? cancel : start).focus({ preventScroll: true });
  start.hidden = running;
  cancel.hidden = !running;
}
