// What every job but the classification has in common: it begins, its failure is reported, it ends.

/** @typedef {import('../page.js').Job} Job */

/**
 * Does `work` as the page's job. Its failure is reported, unless another job has replaced it; `failed` is called in both cases.
 * @param {import('../page.js').Page} page @param {import('../session.js').Session} session @param {import('../page.js').Kind} kind
 * @param {(job: Job) => Promise<void>} work
 * @param {{ retry?: () => void, failed?: (cancelled: boolean) => void }} [otherwise] how to try again, and what says at the job's own place that it failed or was cancelled
 */
export async function doJob(page, session, kind, work, { retry, failed } = {}) {
  const job = page.begin(kind);
  try {
    await work(job);
  } catch (error) {
    session.leaveGpu();
    page.fail(job, error, retry, failed);
  } finally {
    page.end(job);
  }
}
