// The page's state, and the wiring between the widgets and the worker.

import { Bridge } from './bridge.js';
import { MEASURES, curve, evaluations as fetchEvaluations, json, mainModels, otherSeeds } from './robustness.js';
import { complain, forgive } from './view/alert.js';
import { attackForm } from './view/attack.js';
import { bars } from './view/bars.js';
import { chart } from './view/chart.js';
import { dial } from './view/dial.js';
import { find } from './view/dom.js';
import { address, galleryView, spread } from './view/gallery.js';
import { norms } from './view/norms.js';
import { framed } from './view/picture.js';
import * as run from './view/run.js';
import { sweepForm } from './view/sweep.js';
import { figures } from './view/table.js';
import { bytesOf, upload } from './view/upload.js';
import { attackWords, counted, duration, figure, percent, sigma, slug } from './view/words.js';

/** @typedef {import('../pkg/decoy.js').ModelEntry} ModelEntry */
/** @typedef {import('../pkg/decoy.js').Picture} Picture */
/** @typedef {import('../pkg/decoy.js').Prediction} Prediction */
/** @typedef {import('../pkg/decoy.js').AttackOptions} AttackOptions */
/** @typedef {import('../pkg/decoy.js').AttackReport} AttackReport */
/** @typedef {import('../pkg/decoy.js').AttackResult} AttackResult */
/** @typedef {import('../pkg/decoy.js').DeviceReport} DeviceReport */
/** @typedef {import('./bridge.js').Loading} Loading */
/** @typedef {import('./robustness.js').Evaluation} Evaluation */
/** @typedef {import('./view/gallery.js').View} View */

/**
 * A picture to look at.
 * @typedef {object} Subject
 * @property {Picture} picture as the network sees it
 * @property {string} name for people
 * @property {string} file for file names
 * @property {View | null} view its place in the gallery, if it is from there
 */

/** What the page works on: one thing at a time, and what comes later ends what came before. */
class Job extends AbortController {
  /** @param {'look' | 'attack' | 'sweep'} kind */
  constructor(kind) {
    super();
    this.kind = kind;
  }
}

// Whatever else goes wrong is not kept from people either.
addEventListener('error', ({ message }) => complain(message));
addEventListener('unhandledrejection', ({ reason }) => complain(reason));

// ---- what the site holds

const catalogText = await (await fetch('models/models.json')).text();
/** @type {import('../pkg/decoy.js').Catalog} */
const catalog = JSON.parse(catalogText);
const [family] = catalog.families;
const models = family.models.toSorted((a, b) => a.sigma - b.sigma);
const shipped = new Set(models.map(({ id }) => id));
const { channels, width, height } = family.input;

/** @type {import('./view/gallery.js').Gallery | null} */
const gallery = (await json('gallery/gallery.json')).galleries.includes(family.id)
  ? { family: family.id, ...(await json(`gallery/${family.id}/gallery.json`)) }
  : null;

// ---- the state

/** What is asked for. @type {{ model: ModelEntry, subject: Subject | View | null }} */
let wanted = { model: models[0], subject: gallery && { object: 1, pose: 0 } };
/** What is shown: it follows once the network has looked. @type {{ model: ModelEntry, subject: Subject, predictions: Prediction[] } | null} */
let shown = null;
/** @type {AttackResult | null} */
let result = null;
/** The current picture's own results: by attack, then by σ. @type {Map<string, Map<number, AttackReport>>} */
let trials = new Map();
/** What was measured here. @type {{ options: AttackOptions, images: number, points: import('../pkg/decoy.js').SweepPoint[] } | null} */
let live = null;
/** What was measured before, once it is here. @type {Evaluation[] | null} */
let evaluations = null;

/** @type {Job | null} */
let current = null;
/** Settled when the last look is. @type {Promise<void>} */
let looked = Promise.resolve();
/** Said before the verdict, once. */
let aside = '';
/** Why the CPU has taken over from the GPU. */
let refuge = '';

/** @type {DeviceReport | null} */
let device = null;
/** @type {{ bridge: Bridge, started: Promise<void> } | null} */
let session = null;
/** @type {ReturnType<typeof attackForm> | null} */
let attacks = null;

// ---- the widgets

const fool = find('fool', HTMLButtonElement);
const cancel = find('cancel', HTMLButtonElement);
const deviceSelect = find('device', HTMLSelectElement);
const evaluationSelect = find('evaluation', HTMLSelectElement);
const measureSelect = find('measure', HTMLSelectElement);
const download = find('download', HTMLAnchorElement);
const original = framed('original');
const difference = framed('difference');
const adversarial = framed('adversarial');
const noiseDial = dial(models, (model) => look({ model }));
const objects = gallery && galleryView(gallery, (view) => look({ subject: view }));
const measuring = sweepForm(sweep, () => current?.abort());
const robustness = chart();

fool.onclick = attack;
cancel.onclick = () => current?.abort();
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape' && current?.kind === 'attack') current.abort();
});
deviceSelect.onchange = () => {
  session?.bridge.close('Another device was chosen.');
  refuge = '';
  look({});
};
upload(open);
measureSelect.replaceChildren(...Object.entries(MEASURES).map(([name, { words }]) => new Option(words, name)));
measureSelect.onchange = drawChart;
evaluationSelect.onchange = drawChart;
for (const name of ['no-gallery', 'first', 'sweep-why']) find(name, HTMLElement).hidden = gallery !== null;
find('upload-size', HTMLElement).textContent = `, ${width} × ${height} pixels${channels === 1 ? ' of grey' : ''}`;

render();
if (gallery) {
  preview();
  look({});
} else {
  worker().catch(complain);
}
evaluations = await fetchEvaluations(family.id);
nameEvaluations();

// ---- the worker

/** The worker, started when it is first needed, after a crash, and for another device. @returns {Promise<Bridge>} */
async function worker() {
  if (!session || session.bridge.closed) {
    device = null;
    const bridge = new Bridge(showDevice);
    session = { bridge, started: start(bridge) };
  }
  const { bridge, started } = session;
  await started;
  return bridge;
}

/** @param {Bridge} bridge */
async function start(bridge) {
  try {
    const choice = /** @type {import('./bridge.js').DeviceChoice} */ (deviceSelect.value);
    const { device, attacks: infos } = await bridge.start(catalogText, choice);
    showDevice(device);
    attacks ??= attackForm(infos, family.labels, drawChart);
    render();
    nameEvaluations();
  } catch (error) {
    bridge.close('The program could not be started.');
    throw error;
  }
}

/** @param {DeviceReport} report */
function showDevice(report) {
  device = report;
  find('device-report', HTMLElement).textContent = `Running on ${deviceName(report)}. ${report.notice ?? refuge}`;
}

/** @param {DeviceReport} report */
function deviceName({ kind, name }) {
  return kind === 'webgpu' ? `${name} (WebGPU)` : 'the CPU';
}

/** @template {'look' | 'attack' | 'sweep'} Kind @param {Kind} kind */
function begin(kind) {
  current?.abort();
  aside = '';
  return (current = new Job(kind));
}

/** @param {Job} job */
function end(job) {
  if (job !== current) return;
  current = null;
  render();
}

/** What a job does when it fails: nothing, if it was ended by another. @param {Job} job @param {unknown} error */
function fail(job, error) {
  if (job !== current) return;
  if (job.signal.aborted) aside = 'Cancelled. ';
  else complain(error);
}

/** Where the choice is the page's, a GPU on which the computation crashes is not tried again. */
function leaveGpu() {
  if (!session?.bridge.closed || device?.kind !== 'webgpu' || deviceSelect.value !== 'auto') return false;
  deviceSelect.value = 'cpu';
  refuge = 'The computation on the GPU had stopped unexpectedly.';
  return true;
}

// ---- looking at a picture

/**
 * Has a network look at a picture. If that fails, the page stays as it was.
 * @param {Partial<typeof wanted>} change
 */
function look(change) {
  wanted = { ...wanted, ...change };
  looked = predict(begin('look'), wanted);
  return looked;
}

/** @param {Job} job @param {typeof wanted} wish */
async function predict(job, { model, subject: from }) {
  const { signal } = job;
  render();
  try {
    if (!device) run.tell('Fetching the program…', 'A few megabytes, once.');
    const bridge = await worker();
    if (!from || signal.aborted) return;
    const subject = 'picture' in from ? from : await fromGallery(bridge, from, signal);
    const loading = (/** @type {Loading} */ state) => {
      if (!signal.aborted) run.tellLoading(`the network trained with ${sigma(model.sigma)}`, state);
    };
    const predictions = await bridge.predict(model.id, subject.picture, { signal, loading });
    if (signal.aborted) return;
    if (shown?.subject.picture !== subject.picture) trials = new Map();
    shown = { model, subject, predictions };
    wanted = { model, subject };
    result = null;
    forgive();
  } catch (error) {
    if (job === current && leaveGpu()) return look({});
    fail(job, error);
    if (job === current && shown) wanted = { model: shown.model, subject: shown.subject };
  } finally {
    end(job);
  }
}

/** @param {Bridge} bridge @param {View} view @param {AbortSignal} signal @returns {Promise<Subject>} */
async function fromGallery(bridge, view, signal) {
  const { degrees_per_pose } = /** @type {import('./view/gallery.js').Gallery} */ (gallery);
  const label = family.labels[view.object - 1];
  const degrees = `${view.pose * degrees_per_pose}°`;
  return { view, picture: await galleryPicture(bridge, view, signal), name: view.pose ? `${label}, turned by ${degrees}` : label, file: slug(view.pose ? `${label} ${degrees}` : label) };
}

/** @param {Bridge} bridge @param {View} view @param {AbortSignal} signal */
async function galleryPicture(bridge, view, signal) {
  const response = await fetch(address(/** @type {import('./view/gallery.js').Gallery} */ (gallery), view), { signal });
  if (!response.ok) throw new Error(`The picture could not be fetched (status ${response.status}).`);
  return bridge.decode(family.id, new Uint8Array(await response.arrayBuffer()));
}

/** A picture of one's own. The page is not touched before it is known to be one. @param {File} file */
async function open(file) {
  if (current?.kind === 'sweep') return complain('Another picture has to wait until the measuring is done or cancelled.');
  try {
    const picture = await (await worker()).decode(family.id, await bytesOf(file));
    const name = file.name || 'a picture of your own';
    look({ subject: { picture, name, file: slug(name.replace(/\.\w+$/, '')), view: null } });
  } catch (error) {
    complain(error);
  }
}

/** The first picture, before there is a network to look at it. */
async function preview() {
  const image = new Image();
  image.src = address(/** @type {import('./view/gallery.js').Gallery} */ (gallery), { object: 1, pose: 0 });
  await image.decode();
  if (!shown) original.preview(image, family.labels[0], `The original picture: ${family.labels[0]}`);
}

// ---- the attack

async function attack() {
  if (attacks && !attacks.read()) return;
  if (!shown) look({});
  await looked;
  const options = attacks?.read();
  if (!shown || !options) return;

  const { model, subject, predictions } = shown;
  const job = begin('attack');
  const { signal } = job;
  result = null;
  render();
  run.begin(predictions.find(({ label }) => label === options.target) ?? predictions[0]);
  try {
    const bridge = await worker();
    const outcome = await bridge.attack(model.id, subject.picture, options, {
      signal,
      progress: (progress) => signal.aborted || run.advance(progress),
    });
    if (signal.aborted) return;
    result = outcome;
    offer(model, subject, outcome);
    if (outcome.report.success) trial(options).set(model.sigma, outcome.report);
    forgive();
  } catch (error) {
    leaveGpu();
    fail(job, error);
  } finally {
    end(job);
  }
}

/** The current picture's results with this attack, by σ. @param {AttackOptions} options */
function trial(options) {
  const key = JSON.stringify(options);
  const found = trials.get(key) ?? new Map();
  trials.set(key, found);
  return found;
}

// ---- measuring here

/** @param {number} images */
async function sweep(images) {
  const chosen = attacks?.read();
  if (!gallery || !chosen) return;
  // The curve is that of the nearest misread picture, whatever it is misread as.
  const { target, ...options } = chosen;
  const job = begin('sweep');
  const { signal } = job;
  render();
  measuring.tell('Fetching pictures and networks…');
  try {
    const bridge = await worker();
    const views = spread(gallery, images);
    const pictures = await Promise.all(views.map((view) => galleryPicture(bridge, view, signal)));
    const classes = Uint32Array.from(views, ({ object }) => object - 1);
    const show = (/** @type {import('../pkg/decoy.js').SweepPoint[]} */ points) => {
      live = { options, images, points };
      drawChart();
    };
    const report = await bridge.sweep(models.map(({ id }) => id), pictures, classes, options, {
      signal,
      progress: (progress) => {
        measuring.advance(progress, models.length);
        show(progress.points);
      },
    });
    show(report.points);
    measuring.tell(report.cancelled
      ? 'Cancelled. What was measured until then is in the chart.'
      : `Measured ${counted(images, 'picture')} on ${counted(report.points.length, 'network')} in ${duration(report.milliseconds)}.`);
  } catch (error) {
    measuring.tell(signal.aborted ? 'Cancelled.' : 'Nothing was measured.');
    if (!signal.aborted) complain(error);
  } finally {
    end(job);
  }
}

// ---- showing

function render() {
  const kind = current?.kind;
  noiseDial.show(wanted.model);
  objects?.show(viewOf(wanted.subject));
  showControls(kind);
  if (kind !== 'look') showResult();
  drawChart();
}

/** @param {typeof wanted.subject} subject */
function viewOf(subject) {
  return subject && 'picture' in subject ? subject.view : subject;
}

/** @param {Job['kind'] | undefined} kind */
function showControls(kind) {
  const hadFocus = document.activeElement === cancel;
  cancel.hidden = kind !== 'attack';
  fool.disabled = wanted.subject === null || kind === 'sweep';
  if (hadFocus && cancel.hidden) fool.focus();
  for (const name of ['picture', 'dial']) find(`${name}-fields`, HTMLFieldSetElement).disabled = kind === 'sweep';
  find('attack-fields', HTMLFieldSetElement).disabled = !attacks || kind === 'attack' || kind === 'sweep';
  deviceSelect.disabled = kind === 'attack' || kind === 'sweep';
  measuring.show(kind === 'sweep', gallery !== null && attacks !== null && kind !== 'attack');
}

function showResult() {
  const { subject, predictions } = shown ?? {};
  const outcome = result;
  const [seen] = predictions ?? [];
  const fooled = outcome?.report.success ? outcome.report.adversarial : undefined;
  const classes = { before: seen?.class ?? -1, after: fooled?.class };

  if (subject) original.show(subject.picture, subject.name, `The original picture: ${subject.name}`);
  bars(find('before', HTMLElement), outcome?.original_predictions ?? predictions ?? [], classes);
  find('stage', HTMLElement).classList.toggle('done', outcome !== null);
  if (outcome) {
    const factor = +outcome.factor.toPrecision(3);
    difference.show(outcome.difference, `amplified ×${factor} (grey: none)`, `The change to the picture, amplified ${factor} times`);
    adversarial.show(outcome.adversarial, fooled ? '= original + change' : 'not found: this is how far it got', `The changed picture, which the network reads as ${outcome.report.adversarial.label}`);
    bars(find('after', HTMLElement), outcome.adversarial_predictions, classes);
    norms(find('norms', HTMLElement), outcome.report.norms, width * height * channels);
    find('keep', HTMLElement).hidden = !fooled;
  } else {
    difference.clear();
    adversarial.clear();
  }
  if (current?.kind === 'attack') return;
  if (!subject || !seen) {
    if (wanted.subject) run.tell('The network could not look at the picture.', 'Try again, or run on another device.');
    else run.tell('Choose a picture to begin.');
    return;
  }

  const truth = subject.view && family.labels[subject.view.object - 1];
  const wrong = truth && seen.label !== truth ? ` It is wrong already: this is “${truth}”.` : '';
  const spent = outcome && `${counted(outcome.report.gradients, 'gradient')} and ${counted(outcome.report.forwards, 'prediction')} in ${duration(outcome.report.milliseconds)} on ${device ? deviceName(device) : 'this device'}.`;
  if (fooled) {
    run.tell(`Fooled: “${seen.label}” is now “${fooled.label}”, ${percent(fooled.probability)} sure.`, `‖Δx‖₂ = ${figure(outcome?.report.norms.l2 ?? NaN)}. ${spent}`, 'fooled');
  } else if (outcome) {
    run.tell(`Not fooled: it still sees “${seen.label}”.`, `${outcome.report.message ?? ''} ${spent}`.trim(), 'failed');
  } else {
    run.tell(`${aside}The network sees “${seen.label}”, ${percent(seen.probability)} sure.${wrong}`);
  }
}

/** The adversarial picture as a file. @param {ModelEntry} model @param {Subject} subject @param {AttackResult} outcome */
function offer(model, subject, { png, report }) {
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob([new Uint8Array(png)], { type: 'image/png' }));
  download.download = `${subject.file}-sigma-${model.sigma.toFixed(2)}-${report.attack}.png`;
  const { success, label, probability, norms } = report.eight_bit;
  find('eight-bit', HTMLElement).textContent = success
    ? `Checked: the saved 8-bit file is still misread as “${label}”, ${percent(probability)} sure (‖Δx‖₂ = ${figure(norms.l2)}).`
    : `Rounded to 8 bits for saving, the picture is read as “${label}” again (${percent(probability)}).`;
}

function nameEvaluations() {
  if (!evaluations) return;
  const chosen = Math.max(evaluationSelect.selectedIndex, 0);
  evaluationSelect.replaceChildren(...evaluations.map((evaluation) => new Option(evaluationName(evaluation))));
  evaluationSelect.selectedIndex = Math.min(chosen, evaluations.length - 1);
  find('evaluation-field', HTMLElement).hidden = evaluations.length < 2;
  drawChart();
}

/** @param {Evaluation} evaluation */
function evaluationName({ attack, split, models }) {
  const words = attackWords(attack, attacks?.title(attack.attack) ?? attack.attack);
  return `${words}, on ${counted(models[0]?.summary.images ?? 0, split === 'test' ? 'held-out picture' : 'picture')}`;
}

function drawChart() {
  const measure = /** @type {import('./robustness.js').Measure} */ (measureSelect.value);
  const { words, axis, norm } = MEASURES[measure];
  const evaluation = evaluations?.[evaluationSelect.selectedIndex];
  const main = evaluation ? mainModels(evaluation, shipped) : [];
  const seeds = evaluation && evaluations ? [...otherSeeds(evaluation, evaluations, shipped).values()] : [];
  const options = attacks?.peek();
  const own = options ? [...(trials.get(JSON.stringify(options)) ?? [])] : [];
  const curves = {
    measured: curve(main, measure),
    seeds: seeds.map((measured) => curve(measured, measure)),
    here: live ? curve(live.points, measure) : [],
    picture: own.map(([sigma, { norms }]) => ({ sigma, value: norms[norm], low: norms[norm], high: norms[norm] })),
    sigma: wanted.model.sigma,
    axis,
    names: {
      measured: words,
      seeds: `${counted(seeds.length, 'other training seed')}, ${counted(seeds[0]?.[0].summary.images ?? 0, 'held-out picture')}`,
      here: live ? `measured here, ${counted(live.images, 'picture')}` : '',
      picture: 'this picture',
    },
  };
  robustness.show(curves);
  find('chart-caption', HTMLElement).textContent = [
    evaluation
      ? `${words.replace(/^./, (first) => first.toUpperCase())} against σ, with 95 % intervals. Attack: ${evaluationName(evaluation)}.`
      : evaluations && 'This copy of the site comes without measured results.',
    evaluation && 'Pictures that a network misreads without any attack are left out.',
    main.some(({ summary }) => summary.failures > 0) && 'A picture that was not fooled counts as infinitely far, and an infinite figure is not drawn.',
    live?.points.length && `Measured here: ${attackWords(live.options, attacks?.title(live.options.attack) ?? '')}.`,
  ].filter(Boolean).join(' ');
  figures(curves, new Map(main.map(({ sigma, summary }) => [sigma, summary])), evaluation ? evaluationName(evaluation) : 'No measured results');
}
