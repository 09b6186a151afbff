// The form of the attack: its name, norm, parameters and target.

import { find, make } from './dom.js';
import { regionField } from './region.js';
import { targetField } from './target.js';
import { NORMS, attackWords, counted, work } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').AttackInfo} AttackInfo */
/** @typedef {import('../../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../../pkg/decoy.js').Family} Family */
/** @typedef {import('../../pkg/decoy.js').Norm} Norm */
/** @typedef {import('../../pkg/decoy.js').Parameter} Parameter */

/** With more than two parameters, only these are visible at first. They are always in the options; others only if not at the default. */
const PRIMARY = ['steps', 'epsilon'];

/** @param {() => void} onChange */
export function attackForm(onChange) {
  const root = find('attack-form', HTMLDetailsElement);
  const select = find('attack', HTMLSelectElement);
  const normSelect = find('attack-norm', HTMLSelectElement);
  const shown = find('attack-parameters', HTMLElement);
  const more = find('attack-more', HTMLDetailsElement);
  const folded = find('attack-more-parameters', HTMLElement);
  const target = targetField(onChange);
  const sure = find('sure', HTMLSelectElement);
  const region = regionField(() => {
    showCost();
    onChange();
  });
  /** Empty until the program has loaded. @type {AttackInfo[]} */
  let attacks = [];
  /** @type {Family | null} */
  let family = null;
  /** The last family that classified a picture, and its settings, while another is to classify one. @type {{ family: Family, wish: Record<string, string> } | null} */
  let before = null;

  /** @param {string} name */
  const info = (name) => attacks.find((attack) => attack.name === name);
  const chosen = () => info(select.value) ?? attacks[0];
  const form = () => chosen().forms.find(({ norm }) => norm === normSelect.value) ?? chosen().forms[0];
  const fields = () => [shown, folded].flatMap((place) => [...place.querySelectorAll('input')]);
  /** @param {string} name */
  const field = (name) => fields().find((input) => input.name === name);

  select.onchange = () => {
    choose(select.value);
    onChange();
  };
  normSelect.onchange = () => {
    renderParameters();
    onChange();
  };
  sure.onchange = onChange;
  shown.oninput = folded.oninput = showCost;
  shown.onchange = folded.onchange = onChange;

  /** @param {string} name of an existing attack */
  function choose(name) {
    select.value = name;
    const { summary, forms, targeted } = chosen();
    find('attack-summary', HTMLElement).textContent = summary;
    normSelect.replaceChildren(...forms.map(({ norm }) => new Option(`${NORMS[norm].name}: ${NORMS[norm].words}`, norm)));
    find('attack-norm-field', HTMLElement).hidden = forms.length < 2;
    target.offer(targeted);
    renderParameters();
  }

  /** Lays out the parameters, at their default values. */
  function renderParameters() {
    const { parameters } = form();
    const primary = (/** @type {Parameter} */ { name }) => parameters.length <= 2 || PRIMARY.includes(name);
    shown.replaceChildren(...parameters.filter(primary).map(parameterField));
    folded.replaceChildren(...parameters.filter((parameter) => !primary(parameter)).map(parameterField));
    more.hidden = !folded.hasChildNodes();
    showCost();
  }

  /** @param {Parameter} parameter */
  function parameterField({ name, label, help, min, max, default: usual, whole }) {
    const note = make('p', { id: `attack-${name}-help`, className: 'note' }, help);
    const input = make('input', { type: 'number', id: `attack-${name}`, name, required: true });
    const value = name === 'steps' && !chosen().black_box ? Math.min(usual, family?.patience ?? usual) : usual;
    Object.assign(input, { min: String(min), max: String(max), step: whole ? '1' : 'any', value: String(value) });
    input.setAttribute('aria-describedby', note.id);
    return make('div', {}, make('label', { htmlFor: input.id }, label), input, note);
  }

  /** Whether any change within ε is a success, without a search for the smallest. */
  const within = () => field('epsilon') !== undefined && !field('searches')?.valueAsNumber;

  /** The largest cost of a picture with the present parameters; where it does not follow from them, with the default ones. */
  function most() {
    const { passes, parameters } = form();
    const factors = parameters.filter(({ repeats }) => repeats).map(({ name, default: usual }) => ({ usual, now: field(name)?.valueAsNumber ?? usual }));
    // 0 searches means one run.
    const product = (/** @type {number[]} */ values) => values.reduce((product, value) => product * Math.max(value, 1), 1);
    const usual = passes.backward || passes.forward;
    const follows = usual === product(factors.map((factor) => factor.usual));
    return { passes, usual, follows, count: follows ? product(factors.map(({ now }) => now)) : usual };
  }

  /** Shows the attack, the norm it keeps small, and its cost. */
  function showCost() {
    if (!attacks.length) return;
    const { norm } = form();
    const { passes, follows, count } = most();
    find('attack-words', HTMLElement).textContent = attackWords({ ...options(), target: undefined, sure: undefined }, chosen());
    const cost = passes.backward ? `Up to ${counted(count, 'gradient')} a picture` : `Up to ${counted(count, 'prediction')} a picture, without gradients`;
    find('attack-cost', HTMLElement).textContent = [
      `Keeps ${NORMS[norm].symbol} ${within() ? 'within ε' : 'small'}.`,
      // The cost is unknown while a field is empty.
      count > 0 && `${cost}${follows ? '' : ', with the usual parameters'}.`,
    ].filter(Boolean).join(' ');
  }

  /** @returns {AttackOptions} */
  function options() {
    const { name, forms } = chosen();
    const [label, part] = [target.value(), region.value()];
    const values = form().parameters
      .map(({ name, default: usual }) => ({ name, usual, value: field(name)?.valueAsNumber ?? usual }))
      .filter(({ name, usual, value }) => PRIMARY.includes(name) || value !== usual);
    return {
      attack: name,
      ...(forms.length > 1 && { norm: form().norm }),
      ...Object.fromEntries(values.map(({ name, value }) => [name, value])),
      ...(label !== null && { target: label }),
      ...(sure.value && { sure: Number(sure.value) }),
      ...(part !== null && { region: part }),
    };
  }

  /** Whether every field is valid; an invalid one shows its message, for which its section is opened. */
  function valid() {
    if (fields().some((input) => !input.validity.valid) || region.wrong()) root.open = true;
    if (folded.querySelector(':invalid')) more.open = true;
    return fields().every((input) => input.reportValidity()) && region.valid() && target.valid();
  }

  /**
   * Chooses the given options that exist, and the defaults for all others.
   * @param {Record<string, string | undefined>} wish by the names of `AttackOptions`
   * @returns {string[]} the names of those that do not exist
   */
  function restore({ attack = attacks[0].name, norm, target: label, sure: probability = '', region: part, ...values }) {
    const there = info(attack) !== undefined;
    choose(there ? attack : attacks[0].name);
    const { forms, targeted } = chosen();
    const formed = norm === undefined || forms.some((form) => form.norm === norm);
    if (norm !== undefined && formed) {
      normSelect.value = norm;
      renderParameters();
    }
    const bad = Object.entries(values).filter(([name, value]) => {
      const input = field(name);
      const usual = input?.value;
      if (value === undefined || !input) return value !== undefined;
      input.value = value;
      if (input.value && input.validity.valid) return false;
      input.value = usual ?? '';
      return true;
    });
    const known = [...sure.options].some(({ value }) => value === probability);
    sure.value = known ? probability : '';
    const named = label === undefined || (targeted && (family?.labels.includes(label) ?? false));
    target.set((named && label) || null);
    const fits = region.set(part);
    showCost();
    return [...(fits ? [] : ['region']), ...(there ? [] : ['attack']), ...(formed ? [] : ['norm']), ...bad.map(([name]) => name), ...(named ? [] : ['target']), ...(known ? [] : ['sure'])];
  }

  return {
    /** Sets the list of attacks. @param {AttackInfo[]} infos */
    offer(infos) {
      if (attacks.length) return;
      attacks = infos;
      select.replaceChildren(...[true, false].map((featured) => {
        const group = make('optgroup', { label: featured ? 'Start with these' : 'More attacks' });
        group.append(...infos.filter((attack) => attack.featured === featured).map(({ name, title }) => new Option(title, name)));
        return group;
      }));
      choose(select.value);
    },

    /**
     * Sets the family of the networks: each has its own labels and largest default number of steps. If the page returns
     * to the family before without having classified a picture in between, the settings return too.
     * @param {{ family: Family, classified: boolean }} state `classified`: whether the family has classified the picture
     */
    show({ family: next, classified }) {
      const back = next === before?.family ? before.wish : null;
      if (next !== family && attacks.length && family) before ??= { family, wish: Object.fromEntries(Object.entries(options()).map(([name, value]) => [name, String(value)])) };
      if (classified || back) before = null;
      if (next === family) return;
      const alike = family !== null && JSON.stringify([family.labels, family.input, family.patience]) === JSON.stringify([next.labels, next.input, next.patience]);
      family = next;
      if (alike) return;
      target.set(null);
      target.labels(next.labels);
      region.of(next.input);
      if (attacks.length) renderParameters();
      if (back) restore(back);
    },

    /** The cost of a picture, in forward passes; 0 where a field is empty. */
    cost() {
      if (!attacks.length) return 0;
      const { passes, usual, count } = most();
      return count > 0 ? (work(passes) * count) / usual : 0;
    },

    /** The chosen options, valid or not. */
    peek: () => (attacks.length ? options() : null),

    /** The chosen options; null if a field is invalid, which then shows its message. */
    read: () => (attacks.length && valid() ? options() : null),

    restore,

    /** Whether more steps may improve the result. @param {boolean} fooled whether the present result fools the network */
    improves: (fooled) => field('steps') !== undefined && !(fooled && within()),

    /** Doubles the number of steps. */
    lengthen() {
      const steps = field('steps');
      if (!steps) return;
      steps.value = String(Math.min(2 * steps.valueAsNumber, Number(steps.max)));
      showCost();
      onChange();
    },

    info,
  };
}
