// Opens the page, connects the widgets to their actions, and shows changes.

import { Address } from './address.js';
import { fetchNetworks, isOwn } from './contents.js';
import { attackFlow } from './flow/attack.js';
import { chartFlow } from './flow/chart.js';
import { chooseFlow } from './flow/choose.js';
import { classifyFlow } from './flow/classify.js';
import { jpegFlow } from './flow/jpeg.js';
import { keepFlow } from './flow/keep.js';
import { othersFlow } from './flow/others.js';
import { isLabels, isNetwork, ownFiles, ownFlow } from './flow/own.js';
import { proveFlow } from './flow/prove.js';
import { stripFlow } from './flow/strip.js';
import { sweepFlow } from './flow/sweep.js';
import { fetchGalleries } from './galleries.js';
import * as link from './link.js';
import { offline } from './offline.js';
import { Page } from './page.js';
import { Pictures, isCentral, isSame, squareOf } from './pictures.js';
import { choose, program } from './program.js';
import { Session } from './session.js';
import { complain, dismissRemark, remark } from './view/alert.js';
import { attackForm } from './view/attack.js';
import { camera } from './view/camera.js';
import { listCredits } from './view/credits.js';
import { chosenDevice, deviceField } from './view/device.js';
import * as run from './view/run.js';
import { stage as stageView } from './view/stage.js';
import { loadSheets } from './view/thumb.js';
import { upload } from './view/upload.js';

/** @typedef {import('./page.js').Wish} Wish */

// Unexpected errors are shown to the user too.
addEventListener('error', ({ message }) => complain(message));
addEventListener('unhandledrejection', ({ reason }) => complain(reason));

// Starts fetching the program early; a failure is reported where it is needed.
choose(chosenDevice()).then(({ folder }) => program(folder)).catch(() => {});

// Replaces the text of index.html, which is for browsers where this script does not run.
run.verdict('Loading the page…');

// ---- contents of the site

const [networks, galleries] = await contents();

/** Networks and galleries. The page needs both, so a failure is shown with a button to try again. */
async function contents() {
  for (;;) {
    try {
      const networks = fetchNetworks();
      return await Promise.all([networks, fetchGalleries(networks)]);
    } catch (error) {
      run.verdict('This page is not complete.');
      await new Promise((retry) => complain(error, () => retry(run.verdict('Loading the page…'))));
    }
  }
}

// ---- the state, and its changes

const address = new Address(onAddressChange, dismissRemark);
/** The settings of the link, until the program has loaded and can check the attack; then null. @type {link.Opening | null} */
let pendingLink = readLink();

const page = new Page(pendingLink.wish, galleries, render, complain);
const stage = stageView();
const form = attackForm(render);
const device = deviceField(() => {
  session.leave();
  classify({});
});
const session = new Session(networks.text, () => page.wanted.subject && page.wanted.model, device, (attacks) => {
  form.offer(attacks);
  page.ready = true;
  restore();
  render();
});
const pictures = new Pictures();
const classifying = classifyFlow(page, session, pictures);
const { classify } = classifying;
const attacks = attackFlow(page, session, classifying, form, stage);
const { attack } = attacks;
const choosing = chooseFlow(page, networks.families, classifying, attacks, form);
const ownNetwork = ownFlow(page, session, choosing);
const chart = chartFlow(page, form);
/** The parts of the page, in the order in which a change of its state is shown. */
const parts = [
  choosing,
  attacks,
  keepFlow(page, form),
  jpegFlow(page, session),
  ownNetwork,
  chart,
  stripFlow(page, session, form, classifying, attacks),
  othersFlow(page, session),
  proveFlow(page, session),
  sweepFlow(page, session, pictures, form, chart.measured),
  { show: showAddress },
];

function render() {
  for (const part of parts) part.show();
}

listCredits(galleries.here);
render();
preview();
/** @type {Promise<unknown>} */
const opened = page.wanted.subject ? classify({}) : session.worker().catch(complain);
opened.then(loadSheets).then(() => offline(session, () => !page.job && !page.result && !page.ownPicture)); // after the files that are needed now
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

/** Opens a network, with its labels if they come with it, or labels for the network in use, or a picture. @param {File[]} files @param {string} given */
async function openFiles(files, given) {
  const network = files.some(isNetwork);
  const taken = network ? ownFiles(files) : [files[0]];
  const names = taken.map(({ name }) => `“${name}”`).join(' and ');
  const named = isLabels(taken[0]) && isOwn(page.wanted.family);
  const opened = await (network ? ownNetwork.open(files) : named ? ownNetwork.name(taken[0]) : classifying.open(taken[0], choosing.reader()));
  // Not before, since the success would dismiss it; and an error counts more.
  if (opened && files.length > taken.length) complain(`${files.length} files were ${given}. Only ${names} ${taken.length > 1 ? 'are' : 'is'} taken.`);
}

/** Chooses the attack of the link, and names the parts of the link that do not exist. */
function restore() {
  if (!pendingLink || !page.ready) return;
  form.show({ family: pendingLink.wish.family, classified: false });
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

/** Shows the state in the address, once it is known whether the picture could be classified. */
function showAddress() {
  const options = form.peek();
  if (!pendingLink && options && !page.runs('classify')) address.show(link.write(page.wanted, options), page.wanted, options.target);
}
