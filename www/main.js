// Opens the page, ties the widgets to what they do, and shows what has changed.

import { networks as fetchNetworks } from './contents.js';
import { attacking } from './flow/attack.js';
import { chartFlow } from './flow/chart.js';
import { looking } from './flow/look.js';
import { stripFlow } from './flow/strip.js';
import { sweepFlow } from './flow/sweep.js';
import { galleries as fetchGalleries } from './galleries.js';
import * as link from './link.js';
import { Page } from './page.js';
import { Pictures, isCentral, squareOf } from './pictures.js';
import { program } from './program.js';
import { Session } from './session.js';
import { complain, remark } from './view/alert.js';
import { attackForm } from './view/attack.js';
import { camera } from './view/camera.js';
import { listCredits } from './view/credits.js';
import { cropField } from './view/cropping.js';
import { dial } from './view/dial.js';
import { find } from './view/dom.js';
import { galleryView } from './view/gallery.js';
import { keep } from './view/keep.js';
import { readerChoice } from './view/reader.js';
import * as run from './view/run.js';
import { stage as stageView } from './view/stage.js';
import { upload } from './view/upload.js';

/** @typedef {import('./page.js').Wish} Wish */

// Whatever else goes wrong is not kept from people either.
addEventListener('error', ({ message }) => complain(message));
addEventListener('unhandledrejection', ({ reason }) => complain(reason));

// Under way long before it is needed, which is where a failure is told.
program();

// Takes away what index.html says to those for whom this program does not run.
run.tell('Loading the page…');

// ---- what the site holds

const [networks, galleries] = await contents();

/** Without them the page can do nothing: who is told why can try again. */
async function contents() {
  for (;;) {
    try {
      const found = fetchNetworks();
      return await Promise.all([found, fetchGalleries(found)]);
    } catch (error) {
      run.tell('This page is not complete.');
      await new Promise((retry) => complain(error, () => retry(run.tell('Loading the page…'))));
    }
  }
}

// ---- the state, and what changes it

/** What the link asks for, until the program is here to say whether there is such an attack. @type {link.Opening | null} */
let awaited = link.read(location.hash, networks, galleries.here);

const page = new Page(awaited.wish, render);
const stage = stageView();
const form = attackForm(render);
const session = new Session(networks.text, () => page.wanted.subject && page.wanted.model, (attacks) => {
  form.offer(attacks);
  restore();
  render();
}, () => look({}));
const pictures = new Pictures();
const looks = looking(page, session, pictures);
const { look } = looks;
const { attack, longer } = attacking(page, session, looks, form, stage.showBest);
const chart = chartFlow(page, form);
const strip = stripFlow(page, session, form);
const sweep = sweepFlow(page, session, galleries, pictures, form, chart.measured);

// ---- the widgets

const fool = find('fool', HTMLButtonElement);
const cancel = find('cancel', HTMLButtonElement);
const further = find('longer', HTMLButtonElement);
const noiseDial = dial((model) => look({ model }));
const cropping = cropField((crop) => look({ crop }));
const kept = keep();
const galleryViews = galleries.here.map((gallery, index) => {
  const title = networks.families.find(({ id }) => id === gallery.family)?.title ?? '';
  const view = galleryView(gallery, title, (subject) => lookWith(gallery.family, { subject, crop: null }));
  // The first one is open always, the others where their family is looked at.
  return (/** @type {Wish} */ { family, subject }) => view.show(subject, index === 0 || family.id === gallery.family);
});
const reader = readerChoice(networks.families, ({ id }) => own() && lookWith(id, {}));

fool.onclick = attack;
further.onclick = longer;
cancel.onclick = stop;
document.addEventListener('keydown', ({ key, defaultPrevented }) => {
  if (key === 'Escape' && !defaultPrevented && !cancel.hidden) stop();
});
addEventListener('hashchange', () => {
  awaited = link.read(location.hash, networks, galleries.here);
  look(awaited.wish);
  restore();
});

listCredits(galleries.here);
render();
preview();
if (page.wanted.subject) look({});
else session.worker().catch(complain);
upload(give, complain);
camera(give, complain);

/** Whether the picture is one of the person's own. */
function own() {
  const { subject } = page.wanted;
  return subject !== null && !subject.place;
}

/** With the first network of a family, unless one of it is chosen already. @param {string} id @param {Partial<Wish>} change */
function lookWith(id, change) {
  const { wanted } = page;
  const family = networks.families.find((family) => family.id === id) ?? wanted.family;
  const crop = isCentral(wanted.family, wanted.crop, wanted.subject) ? null : wanted.crop;
  look({ ...(family !== wanted.family && { family, model: family.models[0], crop }), ...change });
}

/** @param {File} file */
function give(file) {
  looks.open(file, reader.family());
}

/** Ends what is under way, the start of the program included. */
function stop() {
  page.job?.abort();
  session.abandon();
}

/** Chooses the attack of the link, and says what of the link is not there. */
function restore() {
  if (!awaited || !form.ready()) return;
  form.attacking(awaited.wish.family);
  const { attack, ignored } = awaited;
  const bad = Object.keys(attack).length ? form.restore(attack) : [];
  awaited = null;
  const missing = [...ignored, ...bad.map((name) => `${name.replaceAll('_', ' ')} “${attack[name]}”`)];
  if (missing.length) remark(`The link asks for what is not here and was left out: ${missing.join(', ')}.`);
}

/** The picture at once: the program and the network take their time. */
async function preview() {
  const { family, subject, crop } = page.wanted;
  if (!subject?.file.address) return;
  const image = new Image();
  image.src = subject.file.address;
  await image.decode();
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  if (page.wanted.subject === subject) stage.preview(image, squareOf(family, subject, crop, size), family.input.width, subject.name);
}

// ---- showing

function render() {
  const { wanted, job } = page;
  const { family, model } = wanted;
  const kind = job?.kind;
  form.attacking(family);
  for (const show of galleryViews) show(wanted);
  reader.show(family, own());
  noiseDial.show(family.models, model);
  cropping.show(wanted, kind === 'attack' || page.result !== null);
  if (kind !== 'look') stage.show(page);
  kept.show(page.result, !own());
  showControls(kind);
  chart.show();
  strip.show();
  sweep.show();
  if (!awaited && form.ready()) {
    const words = link.write(wanted, form.peek());
    if (words !== location.hash) history.replaceState(null, '', words);
  }
}

/** @param {import('./page.js').Job['kind'] | undefined} kind */
function showControls(kind) {
  const focused = [cancel, further].find((button) => button === document.activeElement);
  cancel.hidden = kind !== 'attack' && kind !== 'look';
  cancel.classList.toggle('late', kind === 'look');
  further.hidden = kind !== undefined || page.result === null || !form.improves(page.result.outcome.report.success);
  fool.disabled = page.wanted.subject === null || kind === 'sweep';
  if (focused?.hidden) fool.focus();
  for (const name of ['picture', 'dial']) find(`${name}-fields`, HTMLFieldSetElement).disabled = kind === 'sweep';
  find('attack-fields', HTMLFieldSetElement).disabled = !form.ready() || kind === 'attack' || kind === 'strip' || kind === 'sweep';
  session.choosable(kind === undefined || kind === 'look');
}
