// What the site holds: the networks, the galleries, the measured results.

/** @typedef {import('../pkg/decoy.js').Family} Family */
/** @typedef {import('./view/photos.js').PhotoGallery} PhotoGallery */
/** @typedef {import('./view/gallery.js').Gallery} Gallery */

/**
 * @typedef {object} Networks
 * @property {string} text `models.json` as it is
 * @property {Family[]} families the models of each by rising σ
 */

/** @typedef {{ photos: PhotoGallery | null, objects: Gallery | null }} Galleries each that this copy of the site was built with */

/** @returns {Promise<Networks>} */
export async function networks() {
  const path = 'models/models.json';
  const text = await (await get(path)).text();
  /** @type {Family[]} */
  const families = parse(path, text)?.families ?? [];
  if (!families.length || families.some(({ models }) => !models?.length)) throw unreadable(path);
  return { text, families: families.map((family) => ({ ...family, models: family.models.toSorted((a, b) => a.sigma - b.sigma) })) };
}

/** @returns {Promise<Galleries>} */
export async function galleries() {
  const { galleries: present } = await json('gallery/gallery.json');
  const [photos, objects] = await Promise.all(
    ['photos', 'coil20'].map((name) => (present.includes(name) ? json(`gallery/${name}/gallery.json`) : null)),
  );
  return { photos, objects };
}

/** @param {string} path @returns {Promise<any>} */
export async function json(path) {
  return parse(path, await (await get(path)).text());
}

/** @param {string} path @param {AbortSignal} [signal] */
export async function get(path, signal) {
  const response = await fetch(path, { signal }).catch(() => {
    throw signal?.aborted ? signal.reason : new Error(`The file ${path} could not be fetched. Are you offline?`);
  });
  if (!response.ok) throw new Error(`The file ${path} is missing on this site (status ${response.status}).`);
  return response;
}

/** @param {string} path @param {string} text @returns {any} */
function parse(path, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(path);
  }
}

/** @param {string} path */
const unreadable = (path) => new Error(`The file ${path} is not what this page expects.`);
