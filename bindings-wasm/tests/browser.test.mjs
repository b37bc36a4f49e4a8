// In Chromium: a page, a worker, data channels between pages and between processes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, missing, open, serveTests } from './chromium.mjs';

let server;
let browser;

before(async () => {
  if (missing) return;
  server = await serveTests();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

const blank = async () => {
  const page = await open(browser, `${server.url}tests/blank.html`);
  await page.waitForFunction(() => globalThis.sst);
  return page;
};

/** In the page: two sessions over a data channel, by way of `globalThis.channels()`. */
const channels = () => {
  globalThis.channels = async () => {
    const [one, two] = [new RTCPeerConnection(), new RTCPeerConnection()];
    one.onicecandidate = ({ candidate }) => candidate && two.addIceCandidate(candidate);
    two.onicecandidate = ({ candidate }) => candidate && one.addIceCandidate(candidate);
    const here = one.createDataChannel('sst', sst.DATA_CHANNEL);
    const there = new Promise((resolve) => {
      two.ondatachannel = ({ channel }) => resolve(channel);
    });
    await one.setLocalDescription();
    await two.setRemoteDescription(one.localDescription);
    await two.setLocalDescription();
    await one.setRemoteDescription(two.localDescription);
    return { here, there: await there, peers: [one, two] };
  };
};

test('two hosts in a page shake hands over a message port', { skip: missing }, async () => {
  const page = await blank();
  const told = await page.evaluate(async () => {
    const { port1, port2 } = new MessageChannel();
    const accepting = sst.SstSession.accept(port2);
    const here = await sst.SstSession.connect(port1);
    const there = await accepting;
    const stream = await here.createSubstream();
    await stream.writeRecord(new TextEncoder().encode('hello'));
    const child = await there.acceptSubstream();
    const record = new TextDecoder().decode(await child.readRecord());
    const closed = await here.close({ closeCode: 7, reason: 'bye' });
    return { same: here.peerId === there.localId, record, closed, theirs: await there.closed };
  });
  assert.equal(told.same, true);
  assert.equal(told.record, 'hello');
  assert.deepEqual(told.theirs, { ...told.closed, source: 'peer' });
  await page.close();
});

test('a megabyte passes a data channel; a closed one ends the session', { skip: missing }, async () => {
  const page = await blank();
  await page.evaluate(channels);
  const told = await page.evaluate(async () => {
    const { here, there, peers } = await globalThis.channels();
    const accepting = sst.SstSession.accept(there);
    const session = await sst.SstSession.connect(here);
    const other = await accepting;
    const stream = await session.createSubstream();
    const sent = stream.write(new Uint8Array(1 << 20).fill(7)).then(() => stream.finish());
    const started = performance.now();
    const child = await other.acceptSubstream();
    let [length, wrong] = [0, 0];
    for await (const chunk of child.readable) {
      length += chunk.length;
      wrong += chunk.some((byte) => byte !== 7) ? 1 : 0;
    }
    await sent;
    const milliseconds = performance.now() - started;
    const { smoothedRtt } = await session.getStats();
    peers[0].close();
    return { length, wrong, milliseconds, smoothedRtt, closed: await other.closed };
  });
  assert.equal(told.length, 1 << 20);
  assert.equal(told.wrong, 0);
  assert.equal(told.closed.source, 'carrier');
  const rate = (told.length * 8) / told.milliseconds / 1000;
  console.log(`data channel: ${rate.toFixed(1)} Mbit/s, round trip ${told.smoothedRtt.toFixed(1)} ms`);
  await page.close();
});
