// Tabs that are hidden, slowed down and frozen, by Chromium itself: what was on its way goes on, or
// ends in a typed close, and few timers are set.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { missing, serveTests } from './chromium.mjs';
import { start } from './devtools.mjs';

/** What Chromium does to tabs hidden for five minutes, it does to those hidden for a second. */
const MINUTE_TIMERS = '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1';
const seconds = (count) => new Promise((resolve) => { setTimeout(resolve, count * 1000); });

let server;
let browser;

before(async () => {
  if (missing) return;
  server = await serveTests();
  browser = await start(MINUTE_TIMERS);
});

after(async () => {
  await browser?.close();
  server?.close();
});

/**
 * In a tab: makes `globalThis.session` with the tab that has the same word, over a broadcast channel
 * (an open data channel would exempt the tab from throttling), and counts timers. Whoever accepts
 * sends every record back.
 */
const meet = async (word, isCaller, settings) => {
  globalThis.timers = 0;
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (...words) => { globalThis.timers += 1; return real(...words); };
  const [to, from] = isCaller ? ['1', '2'] : ['2', '1'];
  const [out, back] = [new BroadcastChannel(word + to), new BroadcastChannel(word + from)];
  const carrier = {
    maxPacketBytes: 1200,
    start: ({ packet }) => { back.onmessage = ({ data }) => packet(data); },
    hasRoom: () => true,
    send: (packet) => out.postMessage(packet.slice()),
    close() {},
  };
  const serve = async (session) => {
    for await (const child of session.listen()) {
      void (async () => {
        for await (const record of child.records()) await child.writeRecord(record);
        await child.finish();
      })().catch(() => {});
    }
  };
  const ready = isCaller ? sst.SstSession.connect(carrier, settings)
    : sst.SstSession.accept(carrier, settings);
  const kept = ready.then((session) => {
    globalThis.session = session;
    globalThis.ended = null;
    void session.closed.then((told) => { globalThis.ended = told; });
    if (!isCaller) void serve(session);
  });
  if (isCaller) await kept;
};

/** In the tab that called: sends records of so many bytes, and has them come back. */
const echo = async (length, count) => {
  const stream = await globalThis.session.createSubstream();
  const record = Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);
  for (let times = 0; times < count; times += 1) {
    await stream.writeRecord(record);
    const back = await stream.readRecord();
    if (back.length !== length || back.some((byte, at) => byte !== record[at])) return false;
  }
  await stream.finish();
  return await stream.readRecord() === null;
};

/** A tab that answers, hidden behind the one that calls. */
async function tabs(word, settings = {}) {
  const hidden = await browser.tab(`${server.url}tests/blank.html`);
  await hidden.call(meet, word, false, settings);
  const shown = await browser.tab(`${server.url}tests/blank.html`);
  await shown.toFront();
  await shown.call(meet, word, true, settings);
  assert.equal(await hidden.call('() => document.visibilityState'), 'hidden');
  return { hidden, shown };
}

test('a hidden tab whose timers come once a minute answers', { skip: missing }, async () => {
  const { hidden, shown } = await tabs('minute');
  await hidden.call(() => {
    globalThis.ticks = 0;
    setInterval(() => { globalThis.ticks += 1; }, 100);
  });
  // The first minute's turns may be used up one by one.
  await seconds(15);
  await hidden.call(() => { globalThis.ticks = 0; });
  await seconds(8);
  const ticks = await hidden.call('() => globalThis.ticks');
  assert.ok(ticks <= 3, `${ticks} ticks in 8 s: timers are not throttled, the test proves nothing`);
  assert.equal(await shown.call(echo, 50_000, 10), true);
  await seconds(4);
  const timers = await hidden.call('() => globalThis.timers');
  assert.ok(timers < 1_500, `${timers} timers`);
  await shown.call(() => globalThis.session.close());
});

test('a tab frozen for a while goes on where it was', { skip: missing }, async () => {
  const { hidden, shown } = await tabs('while', { idleTimeout: 60_000 });
  assert.equal(await shown.call(echo, 1_000, 2), true);
  await hidden.freeze();
  const echoed = shown.call(echo, 50_000, 10);
  await seconds(5);
  assert.equal(await hidden.call('() => globalThis.ended'), null);
  await hidden.thaw();
  assert.equal(await echoed, true);
  await shown.call(() => globalThis.session.close());
});

test('a tab frozen past the idle timeout: both ends say so', { skip: missing }, async () => {
  const { hidden, shown } = await tabs('long', { idleTimeout: 6_000 });
  assert.equal(await shown.call(echo, 1_000, 2), true);
  await hidden.freeze();
  const told = await shown.call(async () => {
    const stream = await globalThis.session.createSubstream();
    const why = await stream.readRecord().catch(({ code, scope }) => ({ code, scope }));
    return { why, closed: await globalThis.session.closed };
  });
  assert.deepEqual(told.why, { code: 'session-closed', scope: 'session' });
  assert.equal(told.closed.source, 'timeout');
  await seconds(2);
  await hidden.thaw();
  const { source } = await hidden.call(() => globalThis.session.closed);
  assert.ok(['timeout', 'peer'].includes(source), source);
  // The tab is whole: it takes the next session as if nothing had been.
  await hidden.call(meet, 'again', false, {});
  await shown.call(meet, 'again', true, {});
  assert.equal(await shown.call(echo, 1_000, 2), true);
  await shown.call(() => globalThis.session.close());
});

test('tabs twenty times slower than they were', { skip: missing }, async () => {
  const { hidden, shown } = await tabs('slow');
  await Promise.all([hidden.slowDown(20), shown.slowDown(20)]);
  assert.equal(await shown.call(echo, 20_000, 3), true);
  await Promise.all([hidden.slowDown(1), shown.slowDown(1)]);
  await shown.call(() => globalThis.session.close());
});
