// Which attack, with which parameters, towards what.

import { find, make } from './dom.js';
import { targetField } from './target.js';

/** @typedef {import('../../pkg/decoy.js').AttackInfo} AttackInfo */
/** @typedef {import('../../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../../pkg/decoy.js').Family} Family */

/** Steps that take the CPU about ten seconds, where a network is large. @type {Record<string, number>} */
const PATIENCE = { photos: 40 };

/** @param {() => void} onChange */
export function attackForm(onChange) {
  const select = find('attack', HTMLSelectElement);
  const parameters = find('attack-parameters', HTMLElement);
  const target = targetField(onChange);
  /** None before the program is here. @type {AttackInfo[]} */
  let attacks = [];
  /** @type {Family | null} */
  let family = null;

  const chosen = () => attacks[select.selectedIndex];
  const fields = () => [...parameters.querySelectorAll('input')];
  /** @param {string} name */
  const field = (name) => fields().find(({ id }) => id === `attack-${name}`);

  select.onchange = () => {
    describe();
    onChange();
  };

  function describe() {
    if (!attacks.length) return;
    find('attack-summary', HTMLElement).textContent = chosen().summary;
    parameters.replaceChildren(
      ...chosen().parameters.map(({ name, label, min, max, default: usual }) => {
        const input = make('input', { type: 'number', id: `attack-${name}`, required: true });
        const value = name === 'steps' ? Math.min(usual, PATIENCE[family?.id ?? ''] ?? usual) : usual;
        Object.assign(input, { min: String(min), max: String(max), step: name === 'steps' ? '1' : 'any', value: String(value) });
        input.onchange = onChange;
        return make('div', {}, make('label', { htmlFor: input.id }, label), input);
      }),
    );
  }

  /** @returns {AttackOptions} */
  function options() {
    const values = fields().map((input, index) => [chosen().parameters[index].name, input.valueAsNumber]);
    const label = target.value();
    return { attack: chosen().name, ...Object.fromEntries(values), ...(label !== null && { target: label }) };
  }

  return {
    /** The attacks there are. @param {AttackInfo[]} infos */
    offer(infos) {
      if (attacks.length) return;
      attacks = infos;
      select.replaceChildren(...infos.map((attack) => new Option(attack.title, attack.name)));
      describe();
    },

    ready: () => attacks.length > 0,

    /** The networks that are attacked: each family has its own names and its own patience. @param {Family} next */
    attacking(next) {
      if (next === family) return;
      family = next;
      target.set(null);
      target.labels(next.labels);
      describe();
    },

    /** What is chosen, whether it may be or not. */
    peek: () => (attacks.length ? options() : null),

    /** What is chosen, or nothing: then a field that holds what it may not says so itself. */
    read: () => (attacks.length && fields().every((input) => input.reportValidity()) && target.valid() ? options() : null),

    /**
     * Chooses what is asked for, as far as it is there.
     * @param {Record<string, string | undefined>} wish by the names of `AttackOptions`
     * @returns {string[]} the names of what is not
     */
    restore({ attack, target: label, ...values }) {
      const known = attacks.findIndex(({ name }) => name === (attack ?? chosen().name));
      if (known < 0) return ['attack'];
      select.selectedIndex = known;
      describe();
      const bad = Object.entries(values).filter(([name, value]) => {
        const input = field(name);
        const usual = input?.value;
        if (value === undefined || !input) return value !== undefined;
        input.value = value;
        if (input.value && input.validity.valid) return false;
        input.value = usual ?? '';
        return true;
      });
      const named = label === undefined || (family?.labels.includes(label) ?? false);
      target.set((named && label) || null);
      return [...bad.map(([name]) => name), ...(named ? [] : ['target'])];
    },

    /** Twice as many steps. */
    lengthen() {
      const steps = field('steps');
      if (!steps) return;
      steps.value = String(Math.min(2 * steps.valueAsNumber, Number(steps.max)));
      onChange();
    },

    /** @param {string} name */
    title: (name) => attacks.find((attack) => attack.name === name)?.title ?? name,
  };
}
