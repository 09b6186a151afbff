// The site was put up anew while this page was open: the files of this page's version may be gone.

/** The name of the error that says so, since only names and words come from the worker. */
const GONE = 'GoneError';

/** A file is not there, or not as this page knows it. @param {string} words a sentence */
export const gone = (words) => Object.assign(new Error(`${words} If this page has been renewed since you opened it, reload it.`), { name: GONE });

/** @param {unknown} error */
export const isGone = (error) => error instanceof Error && error.name === GONE;
