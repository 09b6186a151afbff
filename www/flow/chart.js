// The chart's data: shipped results, results measured here, and those of the shown picture.

import { isOwn } from '../contents.js';
import { MEASURES, curve, exact, fetchMeasured, intervalWords, measuredHere, predictions, seedCurves, trainingsOf } from '../robustness.js';
import { levelRows, shareRows, sweepRows } from '../rows.js';
import { complain } from '../view/alert.js';
import { chart } from '../view/chart.js';
import { dataButtons } from '../view/data.js';
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
  const widget = chart({ ...Object.fromEntries(Object.entries(MEASURES).map(([name, { words }]) => [name, words])), [READ]: 'share still read correctly' }, show);
  /** The results of all families, once fetched. @type {Map<string, import('../robustness.js').Measured> | null} */
  let all = null;
  /** The chosen results of the shown family. @type {Evaluation | undefined} */
  let evaluation;
  /** @type {MeasuredHere | null} */
  let live = null;
  const data = dataButtons('chart-data', 'the chart’s figures', 'robustness', () => (evaluation ? (widget.choice().measure === READ ? shareRows : levelRows)(evaluation) : []));
  const hereData = dataButtons('sweep-data', 'what was measured here', 'measured-here', () => (live ? sweepRows(live) : []));
  /** The family whose results are listed, and their number, as JSON. */
  let listed = '';

  fetchMeasured().then((families) => {
    all = families;
    show();
  }, complain);

  /** @param {import('../page.js').AttackOptions} options */
  const words = (options) => attackWords(options, form.info(options.attack));

  /** @param {Evaluation} evaluation */
  function nameOf({ attack, split, pictures, networks, title }) {
    const study = networks === page.wanted.family.id ? '' : `${title}: `;
    return `${study}${words(attack)}, on ${counted(pictures, split === 'test' ? 'held-out picture' : 'picture')}`;
  }

  function show() {
    const { family, model } = page.wanted;
    const { evaluations = [], transfer } = all?.get(family.id) ?? {};
    const { index: before, measure } = widget.choice();
    // The choice is kept if the list is unchanged.
    const list = JSON.stringify([family.id, evaluations.length]);
    const index = Math.min(list === listed ? Math.max(before, 0) : 0, evaluations.length - 1);
    listed = list;
    evaluation = evaluations[index];
    const read = measure === READ;
    // Both are means of ‖Δx‖₂, and cannot be compared with another measure.
    const mean = measure === 'mean_l2';
    data.show({ visible: evaluation !== undefined });
    hereData.show({ visible: live !== null && live.family === family && live.points.length > 0 });
    widget.show({
      names: evaluations.map(nameOf),
      index,
      predictable: mean && evaluation !== undefined && evaluation.levels.some(({ predicted }) => predicted),
      limited: mean && evaluation?.limit != null,
      meaning: MEANING[read ? 'read' : 'measure'],
      title: evaluation ? nameOf(evaluation) : 'No measured results',
      evaluation: evaluation ?? { radii: [], levels: [] },
      sigma: model.sigma,
      transfer: transfer ? { figures: transfer, attack: words(transfer.attack) } : null,
      ...(read ? shares(evaluation) : curves(evaluation, /** @type {Measure} */ (measure))),
    });
  }

  /** @param {Evaluation | undefined} evaluation @param {Measure} measure */
  function curves(evaluation, measure) {
    const { family, model } = page.wanted;
    const { words: name, axis, norm } = MEASURES[measure];
    const chosen = widget.choice();
    const levels = evaluation?.levels ?? [];
    const options = form.peek();
    const own = options && page.shown?.family === family && !isOwn(family) ? [...page.tried(options)] : [];
    const here = live?.family === family ? live : null;
    const seeds = seedCurves(levels, measure);
    const main = measure === 'mean_l2' ? evaluation : undefined;
    const { most } = trainingsOf(levels);
    const used = options ? words({ ...options, target: undefined }) : '';
    const usual = evaluation ? words(evaluation.attack) : '';
    const apart = own.length > 0 && evaluation !== undefined && used !== usual;
    const study = evaluation !== undefined && evaluation.networks !== family.id;
    const curves = {
      measured: curve(levels, measure),
      seeds,
      predicted: main && chosen.predicted ? predictions(levels) : [],
      limit: (chosen.limit && main?.limit) || null,
      here: here ? measuredHere(here.points, measure) : [],
      picture: own.map(([sigma, { norms }]) => exact(sigma, norms[norm])),
      sigma: model.sigma,
      reach: Math.max(model.sigma, ...own.map(([sigma]) => sigma), ...[...levels, ...(here?.points ?? []), ...(study ? [] : family.models)].map(({ sigma }) => sigma)) || 0.1,
      axis,
      names: {
        measured: most > 1 ? `${name}, over all trainings` : name,
        band: `band: ${intervalWords(levels)}`,
        seeds: 'the same training repeated',
        predicted: 'predicted from accuracy under noise',
        limit: 'limit of any network',
        here: here ? `measured here, ${counted(here.images, 'picture')}` : '',
        picture: `this picture${options?.target ? ` made to see “${options.target}”` : ''}${apart ? `, ${used}` : ''}`,
      },
    };
    const caption = [
      evaluation
        ? `${name.replace(/^./, (first) => first.toUpperCase())} against σ. Attack: ${nameOf(evaluation)}.`
        : all && 'This copy of the site comes without measured results for these networks.',
      evaluation && 'Pictures that a network has wrong already, without any attack, are left out.',
      evaluation?.growth[measure] && 'In words, σ = 0 is compared with the level whose difference from it is the most certain.',
      levels.some(({ trainings }) => trainings.some(({ failures }) => failures > 0)) && 'A picture that was not fooled counts as infinitely far, and an infinite figure is not drawn.',
      curves.predicted.length > 0 && 'Predicted: where noise of strength σ makes a network err with probability p, the nearest mistake is about −σ·Φ⁻¹(p) away, if the border to it is straight.',
      curves.predicted.length > 0 && `Each network has such a distance on ${Math.min(...levels.flatMap(({ trainings }) => trainings.map((training) => training.predicted_pictures)))} or more of the ${evaluation?.pictures} pictures; the others are left out of the prediction.`,
      curves.limit !== null && 'Limit: half the distance to the nearest picture of another class, on average; no network can be right about both beyond it.',
      apart && `This picture was attacked with ${used}, the pictures of the curve with ${usual}.`,
      own.length > 0 && 'All of it is measured before the pictures are rounded to the 256 shades of a file.',
      here?.points.length && `Measured here: ${words(here.options)}.`,
    ];
    return { curves, sentence: evaluation?.growth[measure]?.text ?? '', caption: joined(caption) };
  }

  /** @param {Evaluation | undefined} evaluation */
  function shares(evaluation) {
    const levels = evaluation?.levels ?? [];
    const caption = [
      evaluation
        ? `Share of pictures still read correctly against ‖Δx‖₂. Attack: ${nameOf(evaluation)}${trainingsOf(levels).most > 1 ? ', mean over trainings' : ''}.`
        : all && 'This copy of the site comes without measured results for these networks.',
      evaluation && 'Where ‖Δx‖₂ is 0, it is the share read correctly without any attack.',
      levels.some(({ certified }) => certified) && 'Dashed: the share that is proved to stay right, by votes under noise; no attack on that vote can do better.',
    ];
    return { curves: null, sentence: evaluation?.growth.mean_l2?.text ?? '', caption: joined(caption) };
  }

  return {
    show,

    /** @param {MeasuredHere} here */
    measured(here) {
      live = here;
      show();
    },
  };
}

/** @param {(string | false | null | undefined | 0)[]} sentences falsy ones are left out */
const joined = (sentences) => sentences.filter(Boolean).join(' ');
