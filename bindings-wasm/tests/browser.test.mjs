// In Chromium: a page, a worker, data channels between pages and between processes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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

/**
 * In the page: `globalThis.channels()` makes both ends of a data channel. With `worker`, the near end
 * is given to a worker in the very task that made it, and a session is what comes back.
 */
const channels = () => {
  globalThis.channels = async (worker) => {
    const [one, two] = [new RTCPeerConnection(), new RTCPeerConnection()];
    one.onicecandidate = ({ candidate }) => candidate && two.addIceCandidate(candidate);
    two.onicecandidate = ({ candidate }) => candidate && one.addIceCandidate(candidate);
    const endpoint = await sst.SstEndpoint.create({ worker });
    const channel = one.createDataChannel('sst', sst.DATA_CHANNEL);
    const here = worker === undefined ? channel : endpoint.connect(channel);
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

const scenarios = JSON.parse(
  readFileSync(new URL('../../sst-std/src/scenarios.json', import.meta.url), 'utf8'),
);

/** In the page: both ends of a session over a data channel, its caller in a worker or not. */
const meet = async (worker) => {
  const { here, there } = await globalThis.channels(worker);
  const accepting = sst.SstSession.accept(there);
  return { here: await here, there: await accepting };
};

for (const worker of [false, true]) {
  const where = worker ? 'a worker' : 'the page';
  test(`scenarios over data channels, from ${where}`, { skip: missing }, async () => {
    const page = await blank();
    await page.evaluate(channels);
    const failures = await page.evaluate(async ({ scenarios, worker, meet: source }) => {
      const { respond, run } = await import('/tests/scenarios.mjs');
      const meet = (0, eval)(`(${source})`);
      let { here, there } = await meet(worker);
      void respond(there);
      const failures = [];
      for (const scenario of scenarios) {
        try {
          if (scenario.ends_session) {
            const own = await meet(worker);
            void respond(own.there);
            await run(own.here, scenario);
          } else {
            await run(here, scenario);
          }
        } catch (why) {
          failures.push(`${scenario.name}: ${why.message}`);
        }
      }
      await here.close();
      return failures;
    }, { scenarios, worker, meet: meet.toString() });
    assert.deepEqual(failures, []);
    assert.equal(page.workers().length > 0, worker);
    await page.close();
  });
}

test('Chromium and Node hold the scenarios with each other', { skip: missing }, async () => {
  const page = await blank();
  const { run, respond } = await import('./scenarios.mjs');
  const { sst } = await import('./pair.mjs');
  /** Packets to the page, a handful at a time. */
  let [waiting, events] = [[], null];
  const flush = () => {
    if (waiting.length === 0) return;
    const packets = waiting.splice(0).map((packet) => packet.toString('base64'));
    page.evaluate((packets) => packets.forEach((packet) => globalThis.fromNode(packet)), packets)
      .catch(() => {});
  };
  const timer = setInterval(flush, 2);
  const carrier = {
    maxPacketBytes: 1200,
    start: (listener) => { events = listener; },
    hasRoom: () => waiting.length < 100,
    send: (packet) => { waiting.push(Buffer.from(packet)); },
    close: () => clearInterval(timer),
  };
  await page.exposeFunction('toNode', (packet) => events.packet(Buffer.from(packet, 'base64')));
  await page.evaluate(() => {
    const decode = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    globalThis.carrier = {
      maxPacketBytes: 1200,
      start(events) { globalThis.fromNode = (text) => events.packet(decode(text)); },
      hasRoom: () => true,
      send: (packet) => { globalThis.toNode(btoa(String.fromCharCode(...packet))); },
      close() {},
    };
  });
  const accepting = sst.SstSession.accept(carrier);
  const inPage = page.evaluate(async (scenarios) => {
    const { respond, run } = await import('/tests/scenarios.mjs');
    globalThis.session = await sst.SstSession.connect(globalThis.carrier);
    void respond(globalThis.session);
    const failures = [];
    for (const scenario of scenarios) {
      await run(globalThis.session, scenario).catch((why) => failures.push(`${scenario.name}: ${why}`));
    }
    return failures;
  }, scenarios.filter((scenario) => !scenario.ends_session));
  const session = await accepting;
  void respond(session);
  assert.deepEqual(await inPage, [], 'run by Chromium');
  for (const scenario of scenarios.filter((scenario) => !scenario.ends_session)) {
    await run(session, scenario);
  }
  await session.close();
  await page.close();
});
