// Two hosts in one process, over a message channel: what most tests begin with.

import { pathToFileURL } from 'node:url';

const folder = process.env.SST_PACKAGE
  ?? new URL('../../target/npm/package', import.meta.url).pathname;

/** The package as built, by the way Node takes into it. */
export const sst = await import(pathToFileURL(`${folder}/dist/node.js`).href);

/** Two sessions with each other. `wrap` may change the carriers, to make them lossy. */
export async function pair({ wrap = (carrier) => carrier, caller = {}, answerer = {} } = {}) {
  const { port1, port2 } = new MessageChannel();
  const accepting = sst.SstSession.accept(wrap(sst.messagePortCarrier(port2)), answerer);
  const session = await sst.SstSession.connect(wrap(sst.messagePortCarrier(port1)), caller);
  return { here: session, there: await accepting };
}

export const bytes = (text) => new TextEncoder().encode(text);
export const text = (bytes) => new TextDecoder().decode(bytes);
