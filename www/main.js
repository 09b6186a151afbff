// Opens the page, connects the widgets to their actions, and shows changes.

import { Address } from './address.js';
import { networks as fetchNetworks, isOwn } from './contents.js';
import { attackFlow } from './flow/attack.js';
import { chartFlow } from './flow/chart.js';
import { jpegFlow } from './flow/jpeg.js';
import { classifyFlow } from './flow/classify.js';
import { othersFlow } from './flow/others.js';
import { isLabels, isNetwork, ownFiles, ownFlow } from './flow/own.js';
import { proveFlow } from './flow/prove.js';
import { stripFlow } from './flow/strip.js';
import { sweepFlow } from './flow/sweep.js';
import { galleries as fetchGalleries } from './galleries.js';
import * as link from './link.js';
import { offline } from './offline.js';
import { Page } from './page.js';
import { Pictures, isCentral, isSame, squareOf } from './pictures.js';
import { choose, program } from './program.js';
import { Session } from './session.js';
import { complain, dismissRemark, remark } from './view/alert.js';
import { attackForm } from './view/attack.js';
import { camera } from './view/camera.js';
import { commandLine } from './view/command.js';
import { controls } from './view/controls.js';
import { listCredits } from './view/credits.js';
import { cropField } from './view/cropping.js';
import { deviceField } from './view/device.js';
import { dial } from './view/dial.js';
import { find } from './view/dom.js';
import { galleryView } from './view/gallery.js';
import { saveForm } from './view/keep.js';
import { showOlder } from './view/older.js';
import { readerChoice } from './view/reader.js';
import * as run from './view/run.js';
import { stage as stageView } from './view/stage.js';
import { triedList } from './view/tried.js';
import { upload } from './view/upload.js';

/** @typedef {import('./page.js').Wish} Wish */
/** @typedef {import('./pictures.js').Subject} Subject */

// Unexpected errors are shown to the user too.
addEventListener('error', ({ message }) => complain(message));
addEventListener('unhandledrejection', ({ reason }) => complain(reason));

// Starts fetching the program early; a failure is reported where it is needed.
choose(/** @type {import('./bridge.js').DeviceChoice} */ (find('device', HTMLSelectElement).value)).then(({ folder }) => program(folder)).catch(() => {});

// Replaces the text of index.html, which is for browsers where this script does not run.
run.tell('Loading the page…');

// ---- contents of the site

const [networks, galleries] = await contents();

/** Networks and galleries. The page needs both, so a failure is shown with a button to try again. */
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

// ---- the state, and its changes

const address = new Address(onAddressChange, dismissRemark);
/** The settings of the link, until the program has loaded and can check the attack; then null. @type {link.Opening | null} */
let pendingLink = readLink();

const page = new Page(pendingLink.wish, render, complain);
const stage = stageView();
const form = attackForm(render);
const device = deviceField(() => {
  session.leave();
  classify({});
});
const session = new Session(networks.text, () => page.wanted.subject && page.wanted.model, device, (attacks) => {
  form.offer(attacks);
  restore();
  render();
});
const pictures = new Pictures();
const classifying = classifyFlow(page, session, pictures);
const { classify } = classifying;
const attacks = attackFlow(page, session, classifying, form, stage.showBest);
const { attack, longer } = attacks;
const chart = chartFlow(page, form);
const ownNetwork = ownFlow(page, session, useFamily, () => useFamily(networks.families.find(({ id }) => id === page.wanted.subject?.place?.family) ?? networks.families[0]));
/** The sections below the experiment. */
const sections = [
  jpegFlow(page, session),
  ownNetwork,
  chart,
  stripFlow(page, session, form, classifying, attacks),
  othersFlow(page, session),
  proveFlow(page, session),
  sweepFlow(page, session, galleries, pictures, form, chart.measured),
];

// ---- the widgets

/** The classification after which the attack is repeated. @type {import('./page.js').Job | null} */
let repeating = null;
const buttons = controls({ onFool: attack, onLonger: longer, onCancel: stop });
const noiseDial = dial(useModel);
const cropping = cropField((crop) => classify({ crop }));
const saving = saveForm();
const tried = triedList(form);
const native = commandLine();
const galleryViews = galleries.here.map((gallery) => {
  const title = networks.families.find(({ id }) => id === gallery.family)?.title ?? '';
  const view = galleryView(gallery, title, (subject) => choosePicture(gallery.family, subject));
  return (/** @type {Wish} */ { family, subject }) => view.show(subject, gallery.family === (isOwn(family) ? subject?.place?.family : family.id));
});
const reader = readerChoice(networks.families, (family) => isOwnPicture() && useFamily(family));

listCredits(galleries.here);
render();
preview();
/** @type {Promise<unknown>} */
const opened = page.wanted.subject ? classify({}) : session.worker().catch(complain);
opened.then(() => offline(session, () => !page.job && !page.result && !isOwnPicture())); // after the files that are needed now
if (pendingLink.run) attack();
upload(openFiles, complain);
camera((file) => openFiles([file], 'taken'), complain);

/** The settings of the address. The user's own picture is not in it, but in memory, as long as the page was not reloaded. */
function readLink() {
  const opening = link.read(location.hash, networks, galleries.here);
  const subject = address.own();
  if (subject === 'gone') remark('Your own picture is no longer here: the page never stores it. Choose it again.');
  else if (subject) Object.assign(opening.wish, { subject, crop: address.crop() });
  return opening;
}

/** Called when the address has changed. */
function onAddressChange() {
  dismissRemark();
  pendingLink = readLink();
  const { wish, run } = pendingLink;
  const { family, model } = page.wanted;
  // An address cannot name the user's own network: it stays in use until the address names another.
  if (isOwn(family) && !new URLSearchParams(location.hash.slice(1)).has('model')) Object.assign(wish, { family, model });
  if (page.job || !isShown(wish)) classify(wish);
  restore();
  render();
  if (run) attack();
}

/** Whether this picture is already classified by this network. @param {Wish} wish */
function isShown({ family, model, subject, crop }) {
  const { shown } = page;
  return shown !== null && shown.subject === subject && shown.model === model && (crop ? isSame(crop, shown.crop) : isCentral(family, shown.crop, subject));
}

/** Changes to another network, and repeats the attack if there was one, or would have been one on the network before. @param {Wish['model']} model */
async function useModel(model) {
  const again = page.result !== null || page.job?.kind === 'attack' || (page.job !== null && page.job === repeating);
  const classified = classify({ model });
  repeating = again ? page.job : null;
  if (await classified && again) attack();
}

/** Whether the picture is the user's own. */
function isOwnPicture() {
  const { subject } = page.wanted;
  return subject !== null && !subject.place;
}

/** Shows a picture with a network of its own family, or with the user's own network while that is in use. @param {string} id of the family @param {Subject} subject */
function choosePicture(id, subject) {
  const { wanted } = page;
  const family = isOwn(wanted.family) ? wanted.family : networks.families.find((family) => family.id === id) ?? wanted.family;
  classify({ subject, crop: null, ...(family !== wanted.family && { family, model: family.models[0] }) });
}

/** @param {Wish['family']} family @param {Wish['model']} [model] */
function useFamily(family, model = family.models[0]) {
  classify({ family, model, crop: isCentral(page.wanted.family, page.wanted.crop, page.wanted.subject) ? null : page.wanted.crop });
}

/** Opens a network, with its labels if they come with it, or labels for the network in use, or a picture. @param {File[]} files @param {string} given */
async function openFiles(files, given) {
  const network = files.some(isNetwork);
  const taken = network ? ownFiles(files) : [files[0]];
  const names = taken.map(({ name }) => `“${name}”`).join(' and ');
  const named = isLabels(taken[0]) && isOwn(page.wanted.family);
  const opened = await (network ? ownNetwork.open(files) : named ? ownNetwork.name(taken[0]) : classifying.open(taken[0], reader.family()));
  // Not before, since the success would dismiss it; and an error counts more.
  if (opened && files.length > taken.length) complain(`${files.length} files were ${given}. Only ${names} ${taken.length > 1 ? 'are' : 'is'} taken.`);
}

/** Ends the current job, or the start of the program. */
function stop() {
  page.job?.cancel();
  session.abandon();
}

/** Chooses the attack of the link, and names the parts of the link that do not exist. */
function restore() {
  if (!pendingLink || !form.ready()) return;
  form.setFamily(pendingLink.wish.family, false);
  const { attack, ignored } = pendingLink;
  const bad = form.restore(attack);
  pendingLink = null;
  const missing = [...ignored, ...bad.map((name) => `${name.replaceAll('_', ' ')} “${attack[name]}”`)];
  if (missing.length) remark(`The link asks for what is not here and was left out: ${missing.join(', ')}.`);
}

/** Shows the picture before the program and the network have loaded. */
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
  form.setFamily(family, page.shown?.family === family);
  for (const show of galleryViews) show(wanted);
  reader.show(family, isOwnPicture());
  noiseDial.show(family, model);
  cropping.show(wanted, kind === 'attack' || page.result !== null);
  if (kind !== 'classify') stage.show(page);
  const options = form.peek();
  const older = showOlder(page.result?.options, options, form.info);
  const missing = isOwnPicture() ? 'your picture' : isOwn(family) ? 'your network' : '';
  const run = page.result !== null && !older && !missing;
  saving.show(page.result, { words: link.write(wanted, options, run), missing, run });
  native.show(page.result);
  tried.show(page.trials);
  buttons.show(page, form);
  device.enable(page.allows('device'));
  for (const section of sections) section.show();
  // Only after it is known whether the picture could be classified.
  if (!pendingLink && options && kind !== 'classify') address.show(link.write(wanted, options), wanted, options.target);
}
