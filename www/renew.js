// If a new version of the site was published while this page was open, the files of its own version may be gone.

/** The name of this error. Of an error in the worker only name and message reach the page. */
const GONE = 'GoneError';

/** An error for a file that is missing, or not of this page's version. @param {string} words a sentence */
export const gone = (words) => Object.assign(new Error(`${words} If this page has been renewed since you opened it, reload it.`), { name: GONE });

/** @param {unknown} error */
export const isGone = (error) => error instanceof Error && error.name === GONE;
