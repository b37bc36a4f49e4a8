// Serves the demonstrations and the package, and carries the few messages by which two browsers
// find each other. Nothing else ever passes through here: the rest goes from tab to tab.
//
//     node demo/server.mjs [PORT]

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const TYPES = {
  '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript',
  '.json': 'application/json', '.mjs': 'text/javascript', '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};
/** Messages of one tab are at most this long: an offer or an answer is about 1 KB. */
const MAX_MESSAGE = 65_536;

/** Starts the server; resolves with its address. `folders` are served besides, by their prefix. */
export function serve({ port = 0, packageFolder, folders = {} } = {}) {
  const found = packageFolder ?? process.env.SST_PACKAGE
    ?? join(here, '../../target/npm/package');
  const roots = { '/sst/': join(found, 'dist'), ...folders, '/': here };
  const rooms = new Map();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname.startsWith('/signal/')) signal(rooms, pathname, request, response);
    else file(roots, pathname, response);
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const url = `http://127.0.0.1:${server.address().port}/`;
      const close = () => { server.closeAllConnections(); server.close(); };
      resolve({ url, close });
    });
  });
}

function file(roots, pathname, response) {
  const [prefix, root] = Object.entries(roots).find(([prefix]) => pathname.startsWith(prefix));
  const inside = normalize(decodeURIComponent(pathname.slice(prefix.length)));
  let path = join(root, inside);
  if (existsSync(path) && statSync(path).isDirectory()) path = join(path, 'index.html');
  if (inside.startsWith('..') || !existsSync(path)) {
    response.writeHead(404).end('not here');
    return;
  }
  response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
  createReadStream(path).pipe(response);
}

/**
 * A room has members, who each listen (`GET`, server-sent events) under a name of their own; what
 * one posts, the others get. Whoever comes is announced.
 */
function signal(rooms, pathname, request, response) {
  const [, , room, name] = pathname.split('/');
  const members = rooms.get(room) ?? new Map();
  rooms.set(room, members);
  const tell = (message) => {
    for (const [other, to] of members) {
      if (other !== name) to.write(`data: ${message}\n\n`);
    }
  };
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`data: ${JSON.stringify({ members: [...members.keys()] })}\n\n`);
    members.set(name, response);
    request.on('close', () => {
      if (members.get(name) === response) members.delete(name);
    });
    return;
  }
  let body = '';
  request.on('data', (part) => {
    body += part;
    if (body.length > MAX_MESSAGE) request.destroy();
  });
  request.on('end', () => {
    tell(body);
    response.writeHead(204).end();
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { url } = await serve({ port: Number(process.argv[2] ?? 8080) });
  console.log(`Open ${url} in two tabs.`);
}
