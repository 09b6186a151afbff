// The browser of the tests and the benchmarks.

import { chromium } from 'playwright-core';

/** @param {{ webgpu?: boolean, flags?: string[] }} [options] */
export function launch({ webgpu = true, flags = [] } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ...(webgpu ? ['--enable-unsafe-webgpu'] : []),
      ...flags,
    ],
  });
}
