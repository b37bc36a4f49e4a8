// Against the native host, over UDP: the same scenarios, in every direction.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { sst } from './pair.mjs';
import { respond, run, sayOver } from './scenarios.mjs';

const BINARY = process.env.SST_BINARY
  ?? new URL('../../target/debug/sst', import.meta.url).pathname;
const skip = existsSync(BINARY) ? false : `no ${BINARY}: build it, or set SST_BINARY`;

const scenarios = JSON.parse(
  readFileSync(new URL('../../sst-std/src/scenarios.json', import.meta.url), 'utf8'),
);
const folder = mkdtempSync(join(tmpdir(), 'sst-'));
after(() => rmSync(folder, { recursive: true }));

/** A native host; `lines` grows, `ended` is its exit code. */
function native(...words) {
  const child = spawn(BINARY, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const host = { child, text: '', ended: once(child, 'exit').then(([code]) => code) };
  child.stdout.on('data', (part) => { host.text += part; });
  return host;
}

/** The first URL that a native host prints. */
async function urlOf(host) {
  for (;;) {
    const found = /sst:\/\/(\w+)@(127\.0\.0\.1):(\d+)/.exec(host.text);
    if (found) return { peerId: found[1], address: found[2], port: Number(found[3]) };
    await once(host.child.stdout, 'data');
  }
}

async function connect({ peerId, address, port }) {
  const socket = createSocket('udp4');
  return sst.SstSession.connect(sst.udpCarrier(socket, { address, port }), { peerId });
}

test('Node runs and answers, the native host answers and runs', { skip }, async (t) => {
  const host = native(
    'scenarios', 'serve', '--run', '--bind', '127.0.0.1:0', '--key', join(folder, 'one'),
  );
  t.after(() => host.child.kill());
  const url = await urlOf(host);
  const session = await connect(url);
  assert.equal(session.peerId, url.peerId);
  const served = respond(session);
  for (const scenario of scenarios) {
    await t.test(scenario.name, async () => {
      if (!scenario.ends_session) {
        await run(session, scenario);
        return;
      }
      const own = await connect(url);
      await run(own, scenario);
      await own.close();
    });
  }
  await sayOver(session);
  await served;
  assert.equal(await host.ended, 0, host.text);
  assert.match(host.text, / 0 failed/);
});

test('the native host dials, runs, and answers', { skip }, async (t) => {
  const endpoint = await sst.SstEndpoint.create({ accept: true });
  const socket = createSocket('udp4');
  await new Promise((resolve) => { socket.bind(0, '127.0.0.1', resolve); });
  sst.serveUdp(endpoint, socket);
  const serve = async () => {
    for await (const session of endpoint.incomingSessions) void respond(session);
  };
  void serve();
  const url = `sst://${endpoint.id}@127.0.0.1:${socket.address().port}/`;
  const host = native('scenarios', 'run', '--key', join(folder, 'two'), url);
  t.after(() => host.child.kill());
  assert.equal(await host.ended, 0, host.text);
  assert.match(host.text, / 0 failed/);
  await endpoint.close();
  socket.close();
});
