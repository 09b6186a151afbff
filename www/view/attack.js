// Which attack, with which parameters, towards what.

import { find, make } from './dom.js';

/** @typedef {import('../../pkg/decoy.js').AttackOptions} AttackOptions */

/**
 * @param {import('../../pkg/decoy.js').AttackInfo[]} attacks @param {string[]} labels
 * @param {() => void} onChange
 */
export function attackForm(attacks, labels, onChange) {
  const select = find('attack', HTMLSelectElement);
  const target = find('target', HTMLSelectElement);
  const parameters = find('attack-parameters', HTMLElement);
  const chosen = () => attacks[select.selectedIndex];

  select.replaceChildren(...attacks.map((attack) => new Option(attack.title, attack.name)));
  target.replaceChildren(new Option('anything else', ''), ...labels.map((label) => new Option(label, label)));
  select.onchange = () => {
    describe();
    onChange();
  };
  target.onchange = onChange;
  describe();

  function describe() {
    find('attack-summary', HTMLElement).textContent = chosen().summary;
    parameters.replaceChildren(
      ...chosen().parameters.map(({ name, label, min, max, default: value }) => {
        const input = make('input', { type: 'number', id: `attack-${name}`, required: true });
        Object.assign(input, { min: String(min), max: String(max), step: name === 'steps' ? '1' : 'any', value: String(value) });
        input.onchange = onChange;
        return make('div', {}, make('label', { htmlFor: input.id }, label), input);
      }),
    );
  }

  const fields = () => [...parameters.querySelectorAll('input')];
  const options = () => {
    const values = fields().map((field, index) => [chosen().parameters[index].name, field.valueAsNumber]);
    return /** @type {AttackOptions} */ ({ attack: chosen().name, ...Object.fromEntries(values), ...(target.value && { target: target.value }) });
  };

  return {
    /** What is chosen, whether it may be or not. */
    peek: options,

    /** What is chosen, or nothing: then a field that holds what it may not says so itself. */
    read: () => (fields().every((field) => field.reportValidity()) ? options() : null),

    /** @param {string} name */
    title: (name) => attacks.find((attack) => attack.name === name)?.title ?? name,
  };
}
