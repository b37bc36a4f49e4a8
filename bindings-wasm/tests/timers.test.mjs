// Tabs in the background: timers come late or not at all, for minutes. It ends in going on or in a
// typed close, and never in a storm of timers.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { lossy } from './lossy.mjs';
import { bytes, pair, text } from './pair.mjs';

const real = { setTimeout: globalThis.setTimeout, now: performance.now.bind(performance) };
let set = 0;

/** From now on timers take at least `least` milliseconds; they are counted. */
function throttle(least) {
  set = 0;
  globalThis.setTimeout = (run, wait, ...rest) => {
    set += 1;
    return real.setTimeout(run, Math.max(least, wait ?? 0), ...rest);
  };
}

/** Lets the clock jump, as after a freeze. */
function jump(milliseconds) {
  const before = performance.now.bind(performance);
  performance.now = () => before() + milliseconds;
}

// The clock keeps its jumps: were it to go back, what is still closing would wait for as long.
afterEach(() => {
  globalThis.setTimeout = real.setTimeout;
});

async function echo(here, there, record) {
  const stream = await here.createSubstream();
  const serve = async () => {
    const child = await there.acceptSubstream();
    await child.writeRecord(await child.readRecord());
    await child.finish();
  };
  const served = serve();
  await stream.writeRecord(record);
  const finished = stream.finish();
  const answer = await stream.readRecord();
  await Promise.all([served, finished]);
  return answer;
}

test('timers of one a second: everything goes on, and few are set', async () => {
  const { here, there } = await pair();
  throttle(1000);
  const started = real.now();
  const record = new Uint8Array(200_000).fill(3);
  assert.equal((await echo(here, there, record)).length, record.length);
  const seconds = (real.now() - started) / 1000;
  // Two hosts, each with one timer at a time; it is set anew only to be earlier.
  assert.ok(set < 400, `${set} timers in ${seconds.toFixed(1)} s`);
  await here.close();
});

test('timers of one a second and losses: everything arrives', async () => {
  let seed = 3;
  const options = { late: 0, loss: 0.05 };
  const { here, there } = await pair({
    wrap: (carrier) => lossy(carrier, { ...options, seed: seed += 1 }),
  });
  throttle(1000);
  const record = new Uint8Array(30_000).fill(3);
  assert.equal((await echo(here, there, record)).length, record.length);
  globalThis.setTimeout = real.setTimeout;
  await here.close();
});

test('a freeze shorter than the idle timeout: the session goes on', async () => {
  const { here, there } = await pair();
  assert.equal(text(await echo(here, there, bytes('before'))), 'before');
  jump(20_000);
  assert.equal(text(await echo(here, there, bytes('after'))), 'after');
  await here.close();
});

test('a freeze of ten minutes ends in a typed close, on both sides', async () => {
  const patience = { idleTimeout: 2_000 };
  const { here, there } = await pair({ caller: patience, answerer: patience });
  const stream = await here.createSubstream();
  const told = { code: 'session-closed', scope: 'session' };
  const waiting = assert.rejects(stream.read(), told);
  jump(600_000);
  const [mine, theirs] = await Promise.all([here.closed, there.closed]);
  // Who wakes first gives up; the other one may hear of that before its own timer.
  assert.equal(mine.source === 'timeout' || theirs.source === 'timeout', true);
  for (const { source } of [mine, theirs]) assert.ok(['timeout', 'carrier'].includes(source), source);
  await waiting;
  await assert.rejects(here.createSubstream(), { code: 'session-closed' });
});

test('a clock that goes back does no harm', async () => {
  const { here, there } = await pair();
  jump(-1_000);
  assert.equal(text(await echo(here, there, bytes('on'))), 'on');
  await here.close();
});

test('a carrier that never has room: few timers, and connecting ends', async () => {
  const { sst } = await import('./pair.mjs');
  throttle(0);
  const carrier = {
    maxPacketBytes: 1200, start() {}, hasRoom: () => false, send() {}, close() {},
  };
  const connecting = sst.SstSession.connect(carrier, { connectTimeout: 1000 });
  await assert.rejects(connecting, { code: 'no-answer', source: 'timeout' });
  assert.ok(set < 60, `${set} timers in a second`);
});
