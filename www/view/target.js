// What the network shall be made to see: a search field over all labels, and nothing in it is anything else.

import { find, make } from './dom.js';
import { near } from './near.js';
import { counted } from '../words.js';

/** So many matches are shown. */
const SHOWN = 50;
/** A press of a button takes no longer, in milliseconds. */
const PRESS = 300;
/** And so many that are spelled alike, where nothing matches. */
const NEAR = 5;

/** Lower case, words divided by one space: what is compared. @param {string} text */
const fold = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();

/**
 * The labels that contain the query, best first: the label itself, then those that start with it, then those with a
 * word that does; of two alike the shorter one.
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
  const unaimed = make('p', { className: 'target-unaimed note', hidden: true }, 'Anything else: this attack cannot be aimed.');
  field.setAttribute('aria-controls', list.id);
  field.setAttribute('aria-describedby', message.id);
  root.append(make('label', { htmlFor: field.id }, 'Make it see'), box, unaimed, message, spoken);

  /** @type {string[]} */
  let labels = [];
  /** The option the arrow keys are at. @type {Element | null} */
  let active = null;
  /** What was told last. @type {string | null} */
  let told = null;

  const text = () => field.value.trim();
  const value = () => labels.find((label) => fold(label) === fold(text())) ?? null;
  const valid = () => text() === '' || value() !== null;

  function tell() {
    clear.hidden = field.value === '';
    if (value() === told) return;
    told = value();
    onChange();
  }

  /** Says what is wrong with the text, if it is to be said now. @param {boolean} now */
  function judge(now) {
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
    more.textContent = matching.length === 0 ? (found.length ? 'No name has these letters. Those above are spelled alike.' : 'No name is like this.') : found.length > SHOWN ? `The first ${SHOWN} of ${found.length.toLocaleString('en')}. Type on to see others.` : '';
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
    judge(true);
    tell();
  }

  /** To the next option, from the last to the first. */
  const next = () => activate(active?.nextElementSibling ?? list.firstElementChild);
  const previous = () => activate(active?.previousElementSibling ?? list.lastElementChild);

  // ---- what a person does

  field.oninput = () => {
    judge(false);
    const matching = open(field.value);
    // Typing is at the best match, so that Enter takes it; an empty field is an answer already, and a guess is none.
    if (text() && matching) activate(list.firstElementChild);
    tell();
  };
  field.onclick = () => popup.hidden && open(value() ? '' : field.value);
  field.onblur = () => {
    close();
    // Not while a pointer is down: the words would move from under it what it presses.
    setTimeout(() => document.activeElement === field || judge(true), PRESS);
  };
  field.onkeydown = (event) => {
    const shut = popup.hidden;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (shut) open(value() ? '' : field.value);
      if (!event.altKey) (event.key === 'ArrowDown' ? next : previous)();
    } else if (event.key === 'Enter') {
      if (active?.textContent) choose(active.textContent);
      else judge(true);
    } else if (event.key === 'Escape' && (!shut || field.value)) {
      // First the list goes, then the text; what else Escape does has to wait.
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
    /** The names that can be asked for; a text that is none of them goes. @param {string[]} list */
    labels(list) {
      labels = list;
      if (!valid()) this.set(null);
    },

    /** Whether the attack can be aimed at all: if not, the label waits for one that can. @param {boolean} on */
    offer(on) {
      box.hidden = message.hidden = !on;
      unaimed.hidden = on;
    },

    /** The label, or nothing for anything else. */
    value: () => (box.hidden ? null : value()),

    /** @param {string | null} label */
    set(label) {
      field.value = label ?? '';
      told = value();
      close();
      judge(true);
      tell();
    },

    /** Whether the text is a label or empty. If not, the field says so and takes the focus. */
    valid() {
      if (box.hidden) return true;
      judge(true);
      if (!valid()) field.focus();
      return valid();
    },
  };
}
