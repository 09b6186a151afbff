// The chart's data: shipped results, results measured here, and those of the shown picture.

import { isOwn } from '../contents.js';
import { MEASURES, curve, exact, intervalWords, measured as fetchMeasured, measuredHere, predictions, seedCurves, trainingsOf } from '../robustness.js';
import { levelRows, shareRows, sweepRows } from '../rows.js';
import { complain } from '../view/alert.js';
import { chart } from '../view/chart.js';
import { curvesPlot } from '../view/curves.js';
import { dataButtons } from '../view/data.js';
import { find } from '../view/dom.js';
import { sharesPlot } from '../view/shares.js';
import { figures, shares } from '../view/table.js';
import { transferTable } from '../view/transfer.js';
import { attackWords, counted } from '../words.js';

/** @typedef {import('../robustness.js').Evaluation} Evaluation */
/** @typedef {import('../robustness.js').Measure} Measure */
/** @typedef {import('../page.js').MeasuredHere} MeasuredHere */

/** The chart's other view, besides the measures: the share still classified correctly by ‖Δx‖. */
const READ = 'read';

/** The first sentences of the caption: how to read the chart. */
const MEANING = {
  measure: 'Each point is a strength of noise. Further right, networks were trained with more noise; higher up, a picture must be changed more before it is fooled, so the networks are more robust.',
  read: 'Each line is a strength of noise in training. It says how many pictures are still read correctly when each may be changed by so much; a line further up and right is a more robust network.',
};

/**
 * @param {import('../page.js').Page} page
 * @param {ReturnType<typeof import('../view/attack.js').attackForm>} form
 */
export function chartFlow(page, form) {
  const widget = chart();
  const chosen = find('evaluation', HTMLSelectElement);
  const view = find('measure', HTMLSelectElement);
  const predictedBox = find('predicted', HTMLInputElement);
  const limitBox = find('limit', HTMLInputElement);
  /** The results of all families, once fetched. @type {Map<string, import('../robustness.js').Measured> | null} */
  let all = null;
  /** The results of the shown family. @type {Evaluation[]} */
  let measured = [];
  /** @type {MeasuredHere | null} */
  let live = null;
  const data = dataButtons('chart-data', 'the chart’s figures', 'robustness', () => (view.value === READ ? shareRows : levelRows)(measured[chosen.selectedIndex]));
  const hereData = dataButtons('sweep-data', 'what was measured here', 'measured-here', () => (live ? sweepRows(live) : []));
  /** The content that the list of results was made from. */
  let listed = '';

  view.replaceChildren(...Object.entries(MEASURES).map(([name, { words }]) => new Option(words, name)), new Option('share still read correctly', READ));
  view.onchange = chosen.onchange = predictedBox.onchange = limitBox.onchange = draw;
  fetchMeasured().then((found) => {
    all = found;
    show();
  }, complain);

  /** @param {Evaluation} evaluation */
  function nameOf({ attack, split, pictures, networks, title }) {
    const study = networks === page.wanted.family.id ? '' : `${title}: `;
    return `${study}${attackWords(attack, form.info(attack.attack))}, on ${counted(pictures, split === 'test' ? 'held-out picture' : 'picture')}`;
  }

  /** Lists the results of the family; keeps the choice if the list is unchanged. */
  function list() {
    const found = all?.get(page.wanted.family.id);
    measured = found?.evaluations ?? [];
    const attack = found?.transfer?.attack;
    transferTable(found?.transfer, attack ? attackWords(attack, form.info(attack.attack)) : '');
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
    const evaluation = measured[chosen.selectedIndex];
    const read = view.value === READ;
    // Both are means of ‖Δx‖₂, and cannot be compared with another measure.
    predictedBox.parentElement?.toggleAttribute('hidden', view.value !== 'mean_l2' || !evaluation?.levels.some(({ predicted }) => predicted));
    limitBox.parentElement?.toggleAttribute('hidden', view.value !== 'mean_l2' || evaluation?.limit == null);
    find('chart-meaning', HTMLElement).textContent = MEANING[read ? 'read' : 'measure'];
    data.shown(evaluation !== undefined);
    hereData.shown(live !== null && live.family === page.wanted.family && live.points.length > 0);
    if (read) drawShares(evaluation);
    else drawCurves(evaluation, /** @type {Measure} */ (view.value));
  }

  /** @param {Evaluation | undefined} evaluation @param {Measure} measure */
  function drawCurves(evaluation, measure) {
    const { family, model } = page.wanted;
    const { words, axis, norm } = MEASURES[measure];
    const levels = evaluation?.levels ?? [];
    const options = form.peek();
    const own = options && page.shown?.family === family && !isOwn(family) ? [...page.tried(options)] : [];
    const here = live?.family === family ? live : null;
    const seeds = seedCurves(levels, measure);
    const main = measure === 'mean_l2' ? evaluation : undefined;
    const { most } = trainingsOf(levels);
    const used = options ? attackWords({ ...options, target: undefined }, form.info(options.attack)) : '';
    const usual = evaluation ? attackWords(evaluation.attack, form.info(evaluation.attack.attack)) : '';
    const apart = own.length > 0 && evaluation !== undefined && used !== usual;
    const study = evaluation !== undefined && evaluation.networks !== family.id;
    const curves = {
      measured: curve(levels, measure),
      seeds,
      predicted: main && predictedBox.checked ? predictions(levels) : [],
      limit: (limitBox.checked && main?.limit) || null,
      here: here ? measuredHere(here.points, measure) : [],
      picture: own.map(([sigma, { norms }]) => exact(sigma, norms[norm])),
      sigma: model.sigma,
      reach: Math.max(model.sigma, ...own.map(([sigma]) => sigma), ...[...levels, ...(here?.points ?? []), ...(study ? [] : family.models)].map(({ sigma }) => sigma)) || 0.1,
      axis,
      names: {
        measured: most > 1 ? `${words}, over all trainings` : words,
        band: `band: ${intervalWords(levels)}`,
        seeds: 'the same training repeated',
        predicted: 'predicted from accuracy under noise',
        limit: 'limit of any network',
        here: here ? `measured here, ${counted(here.images, 'picture')}` : '',
        picture: `this picture${options?.target ? ` made to see “${options.target}”` : ''}${apart ? `, ${used}` : ''}`,
      },
    };
    widget.show(curvesPlot(curves));
    find('chart-sentence', HTMLElement).textContent = evaluation?.growth[measure]?.text ?? '';
    caption([
      evaluation
        ? `${words.replace(/^./, (first) => first.toUpperCase())} against σ. Attack: ${nameOf(evaluation)}.`
        : all && 'This copy of the site comes without measured results for these networks.',
      evaluation && 'Pictures that a network has wrong already, without any attack, are left out.',
      levels.some(({ trainings }) => trainings.some(({ failures }) => failures > 0)) && 'A picture that was not fooled counts as infinitely far, and an infinite figure is not drawn.',
      curves.predicted.length > 0 && 'Predicted: where noise of strength σ makes a network err with probability p, the nearest mistake is about −σ·Φ⁻¹(p) away, if the border to it is straight.',
      curves.predicted.length > 0 && `Each network has such a distance on ${Math.min(...levels.flatMap(({ trainings }) => trainings.map((training) => training.predicted_pictures)))} or more of the ${evaluation?.pictures} pictures; the others are left out of the prediction.`,
      curves.limit !== null && 'Limit: half the distance to the nearest picture of another class, on average; no network can be right about both beyond it.',
      apart && `This picture was attacked with ${used}, the pictures of the curve with ${usual}.`,
      own.length > 0 && 'All of it is measured before the pictures are rounded to the 256 shades of a file.',
      here?.points.length && `Measured here: ${attackWords(here.options, form.info(here.options.attack))}.`,
    ]);
    figures(curves, levels, evaluation ? nameOf(evaluation) : 'No measured results');
  }

  /** @param {Evaluation | undefined} evaluation */
  function drawShares(evaluation) {
    const { radii, levels } = evaluation ?? { radii: [], levels: [] };
    widget.show(sharesPlot({ radii, levels }, page.wanted.model.sigma));
    find('chart-sentence', HTMLElement).textContent = evaluation?.growth.mean_l2?.text ?? '';
    caption([
      evaluation
        ? `Share of pictures still read correctly against ‖Δx‖₂. Attack: ${nameOf(evaluation)}${trainingsOf(levels).most > 1 ? ', mean over trainings' : ''}.`
        : all && 'This copy of the site comes without measured results for these networks.',
      evaluation && 'Where ‖Δx‖₂ is 0, it is the share read correctly without any attack.',
      levels.some(({ certified }) => certified) && 'Dashed: the share that is proved to stay right, by votes under noise; no attack on that vote can do better.',
    ]);
    shares({ radii, levels }, evaluation ? nameOf(evaluation) : 'No measured results');
  }

  return {
    show,

    /** @param {MeasuredHere} points */
    measured(points) {
      live = points;
      draw();
    },
  };
}

/** @param {(string | false | null | undefined | 0)[]} sentences the caption's sentences; falsy ones are left out */
function caption(sentences) {
  find('chart-caption', HTMLElement).textContent = sentences.filter(Boolean).join(' ');
}
