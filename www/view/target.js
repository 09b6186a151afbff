// The target of the attack: a search field over all labels; empty means any other label.

import { find, make } from './dom.js';
import { near } from '../near.js';
import { counted } from '../words.js';

/** At most this many matches are shown. */
const SHOWN = 50;
/** Longest time of pressing a button, in milliseconds. */
const PRESS_MS = 300;
/** If nothing matches, at most this many labels with similar spelling are shown. */
const NEAR = 5;

/** Normalises a text for comparison: lower case, one space between words. @param {string} text */
const fold = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();

/**
 * The labels that contain the query, best first: an equal label, then labels that start with the query, then those with
 * a word that starts with it, then others; among equals the shorter label first.
 * @param {string[]} labels @param {string} query
 */
function matches(labels, query) {
  const wanted = fold(query);
  const rank = (/** @type {string} */ label) => {
    const text = fold(label);
    if (text === wanted) return 0;
    if (text.startsWith(wanted)) return 1;
    if (text.includes(` ${wanted}`)) return 2;
    return text.includes(wanted) ? 3 : Infinity;
  };
  return labels
    .map((label) => ({ label, rank: rank(label) }))
    .filter(({ rank }) => rank < Infinity)
    .sort((a, b) => a.rank - b.rank || (wanted ? a.label.length - b.label.length : 0))
    .map(({ label }) => label);
}

/** @param {() => void} onChange */
export function targetField(onChange) {
  const root = find('target', HTMLElement);
  const list = make('ul', { role: 'listbox', id: 'target-list', ariaLabel: 'Labels' });
  const more = make('p', { className: 'note' });
  const popup = make('div', { className: 'target-popup', hidden: true }, list, more);
  const field = make('input', {
    type: 'text', role: 'combobox', id: 'target-field', placeholder: 'anything else', autocomplete: 'off', autocapitalize: 'none',
    spellcheck: false, ariaAutoComplete: 'list', ariaExpanded: 'false',
  });
  const clear = make('button', { type: 'button', ariaLabel: 'Clear: anything else', hidden: true }, '×');
  const message = make('p', { id: 'target-message', className: 'target-message', role: 'status' });
  const spoken = make('p', { className: 'unseen', role: 'status' });
  const box = make('div', { className: 'target-box' }, field, clear, popup);
  const unaimed = make('p', { className: 'target-unaimed note', hidden: true }, 'Anything else: this attack has no target.');
  field.setAttribute('aria-controls', list.id);
  field.setAttribute('aria-describedby', message.id);
  root.append(make('label', { htmlFor: field.id }, 'Make it see'), box, unaimed, message, spoken);

  /** @type {string[]} */
  let labels = [];
  /** The option selected with the arrow keys. @type {Element | null} */
  let active = null;
  /** The last value passed to `onChange`. @type {string | null} */
  let last = null;

  const text = () => field.value.trim();
  const value = () => labels.find((label) => label === text()) ?? labels.find((label) => fold(label) === fold(text())) ?? null;
  const valid = () => text() === '' || value() !== null;

  function notify() {
    clear.hidden = field.value === '';
    if (value() === last) return;
    last = value();
    onChange();
  }

  /** Shows the error message for the text, or with `now` false clears it. @param {boolean} now */
  function showValidity(now) {
    const wrong = now && !valid();
    const known = wrong ? [...matches(labels, text()), ...near(labels, text(), fold)].slice(0, 3) : [];
    message.textContent = wrong ? `The network knows no “${text()}”. ${known.length ? `It knows ${known.map((label) => `“${label}”`).join(', ')}.` : 'Choose a name from the list.'}` : '';
    field.ariaInvalid = String(wrong);
  }

  // ---- the list

  /** @param {Element | null} option */
  function activate(option) {
    active?.setAttribute('aria-selected', 'false');
    active = option;
    option?.setAttribute('aria-selected', 'true');
    option?.scrollIntoView({ block: 'nearest' });
    if (option) field.setAttribute('aria-activedescendant', option.id);
    else field.removeAttribute('aria-activedescendant');
  }

  /** @param {string} query @returns {boolean} whether a label matches it */
  function open(query) {
    const matching = matches(labels, query);
    const found = matching.length ? matching : near(labels, query, fold).slice(0, NEAR);
    list.replaceChildren(...found.slice(0, SHOWN).map((label, index) => {
      const option = make('li', { role: 'option', id: `target-${index}`, ariaSelected: 'false' }, label);
      option.onclick = () => choose(label);
      return option;
    }));
    list.hidden = found.length === 0;
    more.textContent = matching.length === 0 ? (found.length ? 'No name has these letters. Those above are spelled similarly.' : 'No similar name.') : found.length > SHOWN ? `The first ${SHOWN} of ${found.length.toLocaleString('en')}. Type more to see others.` : '';
    spoken.textContent = matching.length === 0 ? more.textContent : counted(found.length, 'label');
    popup.hidden = false;
    popup.scrollIntoView({ block: 'nearest' });
    list.scrollTop = 0;
    field.ariaExpanded = 'true';
    activate(null);
    return matching.length > 0;
  }

  function close() {
    popup.hidden = true;
    field.ariaExpanded = 'false';
    spoken.textContent = '';
    activate(null);
  }

  /** @param {string} label */
  function choose(label) {
    field.value = label;
    close();
    showValidity(true);
    notify();
  }

  /** Selects the next option; after the last comes the first. */
  const next = () => activate(active?.nextElementSibling ?? list.firstElementChild);
  const previous = () => activate(active?.previousElementSibling ?? list.lastElementChild);

  // ---- events

  field.oninput = () => {
    showValidity(false);
    const matching = open(field.value);
    // Selects the best match, so that Enter takes it. Not for an empty field, which is valid, nor for similar
    // spellings.
    if (text() && matching) activate(list.firstElementChild);
    notify();
  };
  field.onclick = () => popup.hidden && open(value() ? '' : field.value);
  field.onblur = () => {
    close();
    // Not while a pointer is pressed: the message would move the button away from under it.
    setTimeout(() => document.activeElement === field || showValidity(true), PRESS_MS);
  };
  field.onkeydown = (event) => {
    const shut = popup.hidden;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (shut) open(value() ? '' : field.value);
      if (!event.altKey) (event.key === 'ArrowDown' ? next : previous)();
    } else if (event.key === 'Enter') {
      if (active?.textContent) choose(active.textContent);
      else showValidity(true);
    } else if (event.key === 'Escape' && (!shut || field.value)) {
      // Escape first closes the list, then clears the text, and has no other effect before that.
      event.stopPropagation();
      if (shut) choose('');
      else close();
    } else {
      return;
    }
    event.preventDefault();
  };
  // The field keeps the focus while something in its list is pressed.
  popup.onpointerdown = (event) => event.preventDefault();
  popup.onmousedown = (event) => event.preventDefault();
  clear.onclick = () => {
    choose('');
    field.focus();
  };

  return {
    /** Sets the labels; a text that is not one of them is cleared. @param {string[]} list */
    labels(list) {
      labels = list;
      if (!valid()) this.set(null);
    },

    /** Sets whether the attack can be targeted; if not, the field is hidden and keeps its text. @param {boolean} on */
    offer(on) {
      box.hidden = message.hidden = !on;
      unaimed.hidden = on;
    },

    /** The target label; null for any other label. */
    value: () => (box.hidden ? null : value()),

    /** @param {string | null} label */
    set(label) {
      field.value = label ?? '';
      last = value();
      close();
      showValidity(true);
      notify();
    },

    /** Whether the text is a label or empty. If not, the field shows a message and takes the focus. */
    valid() {
      if (box.hidden) return true;
      showValidity(true);
      if (!valid()) {
        field.focus();
        message.scrollIntoView({ block: 'nearest' });
      }
      return valid();
    },
  };
}
