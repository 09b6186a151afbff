// The memory of a browser's processes; Linux only.

import { readFileSync } from 'node:fs';

/**
 * Total memory of the processes of pages and GPU, in bytes.
 * @param {import('playwright-core').Browser} browser @param {'VmRSS' | 'VmHWM'} which the current memory, or the peak
 */
export async function memory(browser, which) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = /** @type {{ processInfo: { type: string, id: number }[] }} */ (await session.send(/** @type {any} */ ('SystemInfo.getProcessInfo')));
  await session.detach();
  return processInfo.filter(({ type }) => type === 'renderer' || type === 'GPU').reduce((sum, { id }) => {
    const status = readFileSync(`/proc/${id}/status`, 'utf8');
    return sum + 1024 * Number(new RegExp(`${which}:\\s*(\\d+)`).exec(status)?.[1]);
  }, 0);
}
