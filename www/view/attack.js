// Which attack, in which norm, with which parameters, towards what.

import { find, make } from './dom.js';
import { regionField } from './region.js';
import { targetField } from './target.js';
import { NORMS, attackWords, counted, work } from '../words.js';

/** @typedef {import('../../pkg/decoy.js').AttackInfo} AttackInfo */
/** @typedef {import('../../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../../pkg/decoy.js').Family} Family */
/** @typedef {import('../../pkg/decoy.js').Norm} Norm */
/** @typedef {import('../../pkg/decoy.js').Parameter} Parameter */

/** Where an attack has more parameters than two, these are seen at once. They are always named, the others where they are not as usual. */
const FOREMOST = ['steps', 'epsilon'];

/** What is done this many times over: the cost of most attacks is the product of those they have. */
const TIMES = ['steps', 'searches', 'candidates', 'targets'];

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
    weigh();
    onChange();
  });
  /** None before the program is here. @type {AttackInfo[]} */
  let attacks = [];
  /** @type {Family | null} */
  let family = null;

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
    lay();
    onChange();
  };
  sure.onchange = onChange;
  shown.oninput = folded.oninput = weigh;
  shown.onchange = folded.onchange = onChange;

  /** @param {string} name of an attack that there is */
  function choose(name) {
    select.value = name;
    const { summary, forms, targeted } = chosen();
    find('attack-summary', HTMLElement).textContent = summary;
    normSelect.replaceChildren(...forms.map(({ norm }) => new Option(`${NORMS[norm].name}: ${NORMS[norm].words}`, norm)));
    find('attack-norm-field', HTMLElement).hidden = forms.length < 2;
    target.offer(targeted);
    lay();
  }

  /** Lays out the parameters, at their usual values. */
  function lay() {
    const { parameters } = form();
    const foremost = (/** @type {Parameter} */ { name }) => parameters.length <= 2 || FOREMOST.includes(name);
    shown.replaceChildren(...parameters.filter(foremost).map(parameterField));
    folded.replaceChildren(...parameters.filter((parameter) => !foremost(parameter)).map(parameterField));
    more.hidden = !folded.hasChildNodes();
    weigh();
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

  /** Whether any change within ε will do. */
  const within = () => field('epsilon') !== undefined && !field('searches')?.valueAsNumber;

  /** What a picture costs at most with the parameters as they are, as far as that is known. */
  function most() {
    const { passes, parameters } = form();
    const factors = parameters.filter(({ name }) => TIMES.includes(name)).map(({ name, default: usual }) => ({ usual, now: field(name)?.valueAsNumber ?? usual }));
    // No searches are one, as it is.
    const product = (/** @type {number[]} */ values) => values.reduce((product, value) => product * Math.max(value, 1), 1);
    const usual = passes.backward || passes.forward;
    const follows = usual === product(factors.map((factor) => factor.usual));
    return { passes, usual, follows, count: follows ? product(factors.map(({ now }) => now)) : usual };
  }

  /** Says which attack it is, what it keeps small, and what it costs. */
  function weigh() {
    if (!attacks.length) return;
    const { norm } = form();
    const { passes, follows, count } = most();
    find('attack-words', HTMLElement).textContent = attackWords({ ...options(), target: undefined, sure: undefined }, chosen());
    const cost = passes.backward ? `Up to ${counted(count, 'gradient')} a picture` : `Asks the network up to ${counted(count, 'time')}, without gradients`;
    find('attack-cost', HTMLElement).textContent = [
      `Keeps ${NORMS[norm].symbol} ${within() ? 'within ε' : 'small'}.`,
      // Nothing is known while a field is empty.
      count > 0 && `${cost}${follows ? '' : ', with the usual parameters'}.`,
    ].filter(Boolean).join(' ');
  }

  /** @returns {AttackOptions} */
  function options() {
    const { name, forms } = chosen();
    const [label, part] = [target.value(), region.value()];
    const values = form().parameters
      .map(({ name, default: usual }) => ({ name, usual, value: field(name)?.valueAsNumber ?? usual }))
      .filter(({ name, usual, value }) => FOREMOST.includes(name) || value !== usual);
    return {
      attack: name,
      ...(forms.length > 1 && { norm: form().norm }),
      ...Object.fromEntries(values.map(({ name, value }) => [name, value])),
      ...(label !== null && { target: label }),
      ...(sure.value && { sure: Number(sure.value) }),
      ...(part !== null && { region: part }),
    };
  }

  /** Whether every field holds what it may; one that does not says so itself, which it can only where it is seen. */
  function valid() {
    if (fields().some((input) => !input.validity.valid) || region.wrong()) root.open = true;
    if (folded.querySelector(':invalid')) more.open = true;
    return fields().every((input) => input.reportValidity()) && region.valid() && target.valid();
  }

  return {
    /** The attacks there are. @param {AttackInfo[]} infos */
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

    ready: () => attacks.length > 0,

    /** The networks that are attacked: each family has its own names and its own patience. @param {Family} next */
    attacking(next) {
      if (next === family) return;
      family = next;
      target.set(null);
      target.labels(next.labels);
      region.of(next.input);
      if (attacks.length) lay();
    },

    /** What a picture costs, in the work of passes; nothing, where a field is empty. */
    cost() {
      if (!attacks.length) return 0;
      const { passes, usual, count } = most();
      return count > 0 ? (work(passes) * count) / usual : 0;
    },

    /** What is chosen, whether it may be or not. */
    peek: () => (attacks.length ? options() : null),

    /** What is chosen, or nothing: then a field that holds what it may not says so itself. */
    read: () => (attacks.length && valid() ? options() : null),

    /**
     * Chooses what is asked for, as far as it is there, and the usual for all else.
     * @param {Record<string, string | undefined>} wish by the names of `AttackOptions`
     * @returns {string[]} the names of what is not
     */
    restore({ attack = attacks[0].name, norm, target: label, sure: probability = '', region: part, ...values }) {
      const there = info(attack) !== undefined;
      choose(there ? attack : attacks[0].name);
      const { forms, targeted } = chosen();
      const formed = norm === undefined || forms.some((form) => form.norm === norm);
      if (norm !== undefined && formed) {
        normSelect.value = norm;
        lay();
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
      weigh();
      const known = [...sure.options].some(({ value }) => value === probability);
      sure.value = known ? probability : '';
      const named = label === undefined || (targeted && (family?.labels.includes(label) ?? false));
      target.set((named && label) || null);
      const fits = region.set(part);
      weigh();
      return [...(fits ? [] : ['region']), ...(there ? [] : ['attack']), ...(formed ? [] : ['norm']), ...bad.map(([name]) => name), ...(named ? [] : ['target']), ...(known ? [] : ['sure'])];
    },

    /** Whether more steps may achieve more. @param {boolean} fooled what there is fools the network */
    improves: (fooled) => field('steps') !== undefined && !(fooled && within()),

    /** Twice as many steps. */
    lengthen() {
      const steps = field('steps');
      if (!steps) return;
      steps.value = String(Math.min(2 * steps.valueAsNumber, Number(steps.max)));
      weigh();
      onChange();
    },

    info,
  };
}
