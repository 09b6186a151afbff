// Serves the repository to the benchmark's pages, with cross-origin isolation for wasm threads, and counts the bytes
// sent.

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };

/** Starts the server; `sent` has the bytes of each path requested since it was last cleared. */
export async function serve() {
  /** @type {Map<string, number>} */
  const sent = new Map();
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cache-Control': 'no-store' };
    try {
      const body = pathname === '/' ? Buffer.from('<!doctype html><link rel="icon" href="data:,">') : await readFile(join('.', normalize(pathname)));
      sent.set(pathname, body.length);
      response.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(pathname) || '.html'] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { address: `http://127.0.0.1:${port}/`, sent, close: () => server.close() };
}
