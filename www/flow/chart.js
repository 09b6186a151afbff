// What the chart shows: measured before, measured here, and the shown picture's own results.

import { MEASURES, curve, evaluations, mainModels, otherSeeds } from '../robustness.js';
import { complain } from '../view/alert.js';
import { chart } from '../view/chart.js';
import { find } from '../view/dom.js';
import { figures } from '../view/table.js';
import { attackWords, counted } from '../view/words.js';

/** @typedef {import('../robustness.js').Evaluation} Evaluation */
/** @typedef {import('./sweep.js').Live} Live */

/**
 * @param {import('../page.js').Page} page
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 */
export function chartFlow(page, form) {
  const widget = chart();
  const chosen = find('evaluation', HTMLSelectElement);
  const measureSelect = find('measure', HTMLSelectElement);
  /** Of all families, once they are here. @type {Evaluation[] | null} */
  let all = null;
  /** Of the family shown. @type {Evaluation[]} */
  let measured = [];
  /** @type {Live | null} */
  let live = null;
  /** What the list of results was made of. */
  let listed = '';

  measureSelect.replaceChildren(...Object.entries(MEASURES).map(([name, { words }]) => new Option(words, name)));
  measureSelect.onchange = chosen.onchange = draw;
  evaluations().then((found) => {
    all = found;
    show();
  }, complain);

  /** @param {Evaluation} evaluation */
  function nameOf({ attack, split, models }) {
    return `${attackWords(attack, form.info(attack.attack))}, on ${counted(models[0]?.summary.images ?? 0, split === 'test' ? 'held-out picture' : 'picture')}`;
  }

  /** Lists the results of the family; the choice stays while the list does. */
  function list() {
    measured = (all ?? []).filter(({ family }) => family === page.wanted.family.id);
    const names = measured.map(nameOf);
    const key = JSON.stringify([page.wanted.family.id, measured.length]);
    const index = key === listed ? Math.max(chosen.selectedIndex, 0) : 0;
    listed = key;
    chosen.replaceChildren(...names.map((name) => new Option(name)));
    chosen.selectedIndex = Math.min(index, names.length - 1);
    find('evaluation-field', HTMLElement).hidden = names.length < 2;
  }

  function show() {
    list();
    draw();
  }

  function draw() {
    const { family, model } = page.wanted;
    const shipped = new Set(family.models.map(({ id }) => id));
    const measure = /** @type {import('../robustness.js').Measure} */ (measureSelect.value);
    const { words, axis, norm } = MEASURES[measure];
    const evaluation = measured[chosen.selectedIndex];
    const main = evaluation ? mainModels(evaluation, shipped) : [];
    const seeds = evaluation ? [...otherSeeds(evaluation, measured, shipped).values()] : [];
    const options = form.peek();
    const own = options && page.shown?.family === family ? [...page.tried(options)] : [];
    const here = live?.family === family ? live : null;
    const curves = {
      measured: curve(main, measure),
      seeds: seeds.map((seed) => curve(seed, measure)),
      here: here ? curve(here.points, measure) : [],
      picture: own.map(([sigma, { norms }]) => ({ sigma, value: norms[norm], low: norms[norm], high: norms[norm] })),
      sigma: model.sigma,
      reach: Math.max(...family.models.map(({ sigma }) => sigma)) || 0.1,
      axis,
      names: {
        measured: words,
        seeds: `${counted(seeds.length, 'other training seed')}, ${counted(seeds[0]?.[0].summary.images ?? 0, 'held-out picture')}`,
        here: here ? `measured here, ${counted(here.images, 'picture')}` : '',
        picture: 'this picture',
      },
    };
    widget.show(curves);
    find('chart-caption', HTMLElement).textContent = [
      evaluation
        ? `${words.replace(/^./, (first) => first.toUpperCase())} against σ, with 95 % intervals. Attack: ${nameOf(evaluation)}.`
        : all && 'This copy of the site comes without measured results for these networks.',
      evaluation && 'Pictures that a network misreads without any attack are left out.',
      main.some(({ summary }) => summary.failures > 0) && 'A picture that was not fooled counts as infinitely far, and an infinite figure is not drawn.',
      here?.points.length && `Measured here: ${attackWords(here.options, form.info(here.options.attack))}.`,
    ].filter(Boolean).join(' ');
    figures(curves, new Map(main.map(({ sigma, summary }) => [sigma, summary])), evaluation ? nameOf(evaluation) : 'No measured results');
  }

  return {
    show,

    /** @param {Live} points */
    measured(points) {
      live = points;
      draw();
    },
  };
}
