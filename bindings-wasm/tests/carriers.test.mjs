// Carriers beyond the first one: another in its place, and the datagrams of WebTransport.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch, missing, open, serveTests } from './chromium.mjs';
import { pair } from './pair.mjs';

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

/** Both ways at once: so many bytes there and back. */
const echo = async (here, there, length, during = () => {}) => {
  const serve = async () => {
    const child = await there.acceptSubstream();
    await child.readable.pipeTo(child.writable);
  };
  const served = serve();
  const stream = await here.createSubstream();
  const wanted = Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);
  const write = async () => {
    const writer = stream.writable.getWriter();
    for (let at = 0; at < length; at += 10_000) {
      if (at <= length / 2 && at + 10_000 > length / 2) await during();
      await writer.write(wanted.slice(at, at + 10_000));
    }
    await writer.close();
  };
  const [back] = await Promise.all([new Response(stream.readable).arrayBuffer(), write(), served]);
  const found = new Uint8Array(back);
  return found.length === length && found.every((byte, at) => byte === wanted[at]);
};

test('a session goes on over another carrier, in mid transfer', async () => {
  const lives = { outliveCarriers: true };
  const { here, there } = await pair({ caller: lives, answerer: lives });
  const replace = async () => {
    const { port1, port2 } = new MessageChannel();
    here.replaceCarrier(port1);
    // What the caller sends meanwhile goes nowhere, or waits in the port.
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    there.replaceCarrier(port2);
  };
  assert.equal(await echo(here, there, 300_000, replace), true);
  // A second time, and with the same carrier twice.
  const { port1, port2 } = new MessageChannel();
  there.replaceCarrier(port2);
  here.replaceCarrier(port1);
  here.replaceCarrier(port1);
  assert.equal(await echo(here, there, 1_000), true);
  await here.close();
  assert.equal((await there.closed).source, 'peer');
});

test('without leave to outlive it, a session ends with its carrier', async () => {
  const { here, there } = await pair();
  const { port1 } = new MessageChannel();
  here.replaceCarrier(port1);
  assert.equal((await there.closed).source, 'carrier');
  await assert.rejects(there.createSubstream(), { code: 'session-closed' });
  here.abort();
});

/** In the page: both ends of a data channel, and what they hang on. */
const channels = async () => {
  const [one, two] = [new RTCPeerConnection(), new RTCPeerConnection()];
  one.onicecandidate = ({ candidate }) => candidate && two.addIceCandidate(candidate);
  two.onicecandidate = ({ candidate }) => candidate && one.addIceCandidate(candidate);
  const near = one.createDataChannel('sst', sst.DATA_CHANNEL);
  const far = new Promise((resolve) => { two.ondatachannel = ({ channel }) => resolve(channel); });
  await one.setLocalDescription();
  await two.setRemoteDescription(one.localDescription);
  await two.setLocalDescription();
  await one.setRemoteDescription(two.localDescription);
  return { near, far: await far, break() { one.close(); two.close(); } };
};

test('a broken peer connection is replaced by another one', { skip: missing }, async () => {
  const page = await open(browser, `${server.url}tests/blank.html`);
  await page.waitForFunction(() => globalThis.sst);
  const told = await page.evaluate(async ({ channels: make, echo: run }) => {
    const [channels, echo] = [make, run].map((source) => (0, eval)(`(${source})`));
    const first = await channels();
    const lives = { outliveCarriers: true };
    const accepting = sst.SstSession.accept(first.far, lives);
    const here = await sst.SstSession.connect(first.near, lives);
    const there = await accepting;
    const replace = async () => {
      first.break();
      const second = await channels();
      here.replaceCarrier(second.near);
      there.replaceCarrier(second.far);
    };
    const isRight = await echo(here, there, 300_000, replace);
    const { closeCode } = await here.close({ closeCode: 5 });
    return { isRight, closeCode };
  }, { channels: channels.toString(), echo: echo.toString() });
  assert.deepEqual(told, { isRight: true, closeCode: 5 });
  await page.close();
});

/** The relay of `webtransport_relay.py`; `null` without a Python that has what it needs. */
async function relay() {
  const python = process.env.SST_PYTHON;
  if (!python) return null;
  const script = fileURLToPath(new URL('webtransport_relay.py', import.meta.url));
  const child = spawn(python, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise((resolve) => {
    createInterface({ input: child.stdout }).once('line', resolve).once('close', resolve);
  });
  const [port, hash] = String(line).split(' ');
  assert.ok(hash, 'the relay did not start');
  return { port, hash, stop: () => child.kill() };
}

const noPython = process.env.SST_PYTHON ? missing : 'no Python with aioquic (SST_PYTHON)';

test('sessions over the datagrams of WebTransport', { skip: noPython }, async () => {
  const { port, hash, stop } = await relay();
  const page = await open(browser, `${server.url}tests/blank.html`);
  await page.waitForFunction(() => globalThis.sst);
  try {
    const told = await page.evaluate(async ({ port, hash, echo: source }) => {
      const echo = (0, eval)(`(${source})`);
      const value = Uint8Array.from(hash.match(/../g), (byte) => parseInt(byte, 16));
      const dial = async () => {
        const how = { serverCertificateHashes: [{ algorithm: 'sha-256', value }] };
        const transport = new WebTransport(`https://127.0.0.1:${port}/`, how);
        await transport.ready;
        return { transport, carrier: sst.webTransportCarrier(transport) };
      };
      const [near, far] = [await dial(), await dial()];
      const most = near.transport.datagrams.maxDatagramSize;
      const accepting = sst.SstSession.accept(far.carrier);
      const here = await sst.SstSession.connect(near.carrier);
      const there = await accepting;
      const isRight = await echo(here, there, 200_000);
      const { outcome } = await here.sendDatagram(new Uint8Array(500), { track: true });
      const sent = await outcome;
      near.transport.close();
      return { most, isRight, sent, closed: (await here.closed).source };
    }, { port, hash, echo: echo.toString() });
    console.log(`WebTransport takes datagrams of ${told.most} bytes`);
    assert.deepEqual(told, { ...told, isRight: true, sent: 'acknowledged', closed: 'carrier' });
  } finally {
    stop();
    await page.close();
  }
});
