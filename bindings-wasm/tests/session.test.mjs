// Sessions, streams and datagrams between two hosts in one process.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lossy } from './lossy.mjs';
import { bytes, pair, sst, text } from './pair.mjs';

const pattern = (length) => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);

/** A file's worth of bytes through the Web Streams, both ways at once. */
async function echo(here, there, length) {
  const serve = async () => {
    const child = await there.acceptSubstream();
    await child.readable.pipeTo(child.writable);
  };
  const stream = await here.createSubstream();
  const write = async () => {
    const writer = stream.writable.getWriter();
    for (let at = 0; at < length; at += 10_000) {
      await writer.write(pattern(length).subarray(at, at + 10_000));
    }
    await writer.close();
  };
  const read = async () => new Uint8Array(await new Response(stream.readable).arrayBuffer());
  const [back] = await Promise.all([read(), write(), serve()]);
  assert.deepEqual(Buffer.from(back), Buffer.from(pattern(length)));
}

test('two hosts shake hands, know each other, and close', async () => {
  const { here, there } = await pair();
  assert.equal(here.peerId, there.localId);
  assert.equal(there.peerId, here.localId);
  await here.ready;
  const stream = await here.createSubstream();
  await stream.writeRecord(bytes('hello'));
  const child = await there.acceptSubstream();
  assert.equal(text(await child.readRecord()), 'hello');
  assert.equal(child.streamId, stream.streamId);
  await stream.finish();
  const closed = await here.close({ closeCode: 7, reason: 'bye' });
  assert.deepEqual(closed, { closeCode: 7, reason: 'bye', source: 'local', isTransportCode: false });
  assert.deepEqual(await there.closed, { ...closed, source: 'peer' });
  await assert.rejects(stream.read(), { name: 'SstError', code: 'session-closed', scope: 'session' });
});

test('numbers that the module has no room for are refused, by name', async () => {
  for (const name of [
    'maxStreams', 'maxBufferBytes', 'maxDatagramBytes', 'datagramQueueBytes', 'sessionBudget',
  ]) {
    for (const value of [2 ** 32, 2 ** 32 + (64 << 20), -1, 1.5, NaN, Infinity, '1']) {
      const message = `${name}: ${value} is not a whole number from 0 to 4294967295`;
      await assert.rejects(
        sst.SstEndpoint.create({ [name]: value }),
        { name: 'SstError', code: 'configuration', scope: 'endpoint', message },
      );
    }
  }
  await (await sst.SstEndpoint.create({ sessionBudget: 2 ** 32 - 1 })).close();
});

test('bytes pass through Web Streams, with backpressure', async () => {
  const { here, there } = await pair();
  await echo(here, there, 300_000);
  await here.close();
});

test('bytes pass a carrier that loses, repeats and reorders', async () => {
  let seed = 1;
  const { here, there } = await pair({ wrap: (carrier) => lossy(carrier, { seed: seed += 1 }) });
  await echo(here, there, 100_000);
  const stats = await here.getStats();
  assert.ok(stats.lostPackets > 0, 'nothing was lost');
  await here.close();
});

test('a byte stream takes buffers of the reader', async () => {
  const { here, there } = await pair();
  const stream = await here.createSubstream();
  await stream.write(bytes('hello'));
  const finished = stream.finish();
  const child = await there.acceptSubstream();
  const reader = child.readable.getReader({ mode: 'byob' });
  const first = await reader.read(new Uint8Array(3));
  assert.equal(text(first.value), 'hel');
  const second = await reader.read(new Uint8Array(10));
  assert.equal(text(second.value), 'lo');
  assert.equal((await reader.read(new Uint8Array(10))).done, true);
  await finished;
  await here.close();
});

test('every stream has children, in both directions', async () => {
  const { here, there } = await pair();
  const serve = async () => {
    for await (const child of there.incomingSubstreams) {
      for await (const grandchild of child.incomingSubstreams) {
        assert.equal(grandchild.parentId, child.streamId);
        const answer = await grandchild.openSubstream();
        await answer.writeRecord(await grandchild.readRecord());
        void answer.finish();
      }
    }
  };
  void serve();
  const stream = await here.createSubstream();
  const deep = await stream.createSubstream({ sendOrder: 3 });
  await deep.writeRecord(bytes('deep'));
  const answer = await deep.acceptSubstream();
  assert.equal(text(await answer.readRecord()), 'deep');
  assert.equal(await answer.readRecord(), null);
  await here.close();
});

test('records keep their ends, and one that is too long stays', async () => {
  const { here, there } = await pair();
  const stream = await here.createSubstream();
  const texts = ['one', '', 'a longer one'];
  for (const one of texts) await stream.writeRecord(bytes(one));
  const finished = stream.finish();
  const child = await there.acceptSubstream();
  assert.equal(text(await child.readRecord()), 'one');
  assert.equal(text(await child.readRecord()), '');
  await assert.rejects(child.readRecord({ maxBytes: 5 }), { code: 'record-too-long' });
  const rest = [];
  for await (const record of child.records()) rest.push(text(record));
  assert.deepEqual(rest, ['a longer one']);
  await finished;
  await assert.rejects(stream.write(bytes('more')), { code: 'finished', scope: 'stream' });
  await here.close();
});

test('a reset, a stop, an abort and a cancel arrive with their codes', async () => {
  const { here, there } = await pair();
  const both = async () => {
    const stream = await here.createSubstream();
    return [stream, await there.acceptSubstream()];
  };
  const [one, hers] = await both();
  one.reset(77);
  await assert.rejects(hers.read(), { code: 'reset', source: 'peer', streamErrorCode: 77 });
  const [two, his] = await both();
  his.stop(9);
  await assert.rejects(
    (async () => { for (;;) await two.write(new Uint8Array(1000)); })(),
    { code: 'stopped', source: 'peer', streamErrorCode: 9 },
  );
  const [three, theirs] = await both();
  await three.writable.abort(new Error('no'));
  await assert.rejects(theirs.read(), { code: 'reset', streamErrorCode: sst.CODE_DROPPED });
  const [four, last] = await both();
  await last.readable.cancel(5);
  await assert.rejects(
    (async () => { for (;;) await four.write(new Uint8Array(1000)); })(),
    { code: 'stopped', streamErrorCode: 5 },
  );
  await here.close();
});

test('datagrams of any size arrive, and say how they travel', async () => {
  const { here, there } = await pair();
  assert.deepEqual(await here.sendDatagram(bytes('small')), { mode: 'packet' });
  assert.equal(text(await there.recvDatagram()), 'small');
  const large = pattern(20_000);
  assert.deepEqual(await here.sendDatagram(large, { lifetime: 5_000 }), { mode: 'substream' });
  assert.deepEqual(Buffer.from(await there.recvDatagram()), Buffer.from(large));
  assert.deepEqual(await here.sendDatagram(bytes('sure'), { reliable: true }), { mode: 'substream' });
  assert.equal(text(await there.recvDatagram()), 'sure');
  await assert.rejects(here.sendDatagram(pattern(70_000)), { code: 'too-large', scope: 'datagram' });
  const stream = await here.createSubstream();
  const child = await there.acceptSubstream();
  const writer = stream.datagrams.writable.getWriter();
  await writer.write(bytes('of a stream'));
  const { value } = await child.datagrams.readable.getReader().read();
  assert.equal(text(value), 'of a stream');
  await here.close();
});

test('a sender learns what became of its datagrams, of sessions and of streams', async () => {
  const { here, there } = await pair();
  const small = await here.sendDatagram(bytes('small'), { track: true });
  const large = await here.sendDatagram(pattern(20_000), { track: true });
  assert.deepEqual([small.mode, large.mode], ['packet', 'substream']);
  assert.ok(small.outcome instanceof Promise);
  assert.deepEqual(await Promise.all([small.outcome, large.outcome]), ['acknowledged', 'acknowledged']);
  const late = await here.sendDatagram(bytes('late'), { track: true, lifetime: 0 });
  assert.equal(await late.outcome, 'expired');
  await assert.rejects(
    here.sendDatagram(pattern(70_000), { track: true }), { code: 'too-large', scope: 'datagram' },
  );
  const stream = await here.createSubstream();
  await there.acceptSubstream();
  const under = await stream.sendDatagram(bytes('of a stream'), { track: true, reliable: true });
  stream.release();
  assert.equal(await under.outcome, 'acknowledged');
  const open = await here.sendDatagram(pattern(60_000), { track: true });
  here.abort();
  assert.equal(await open.outcome, 'unknown');
});

test('a lost datagram is told of as lost, and no other', async () => {
  let drops = false;
  const dropping = (carrier) => ({
    ...carrier, send(packet) { if (!drops) carrier.send(packet); },
  });
  const { here, there } = await pair({ wrap: dropping });
  await here.sendDatagram(bytes('before'), { track: true }).then(({ outcome }) => outcome);
  drops = true;
  const { outcome } = await here.sendDatagram(bytes('into nothing'), { track: true });
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  drops = false;
  const after = await here.sendDatagram(bytes('after'), { track: true });
  assert.deepEqual(await Promise.all([outcome, after.outcome]), ['lost', 'acknowledged']);
  assert.equal(text(await there.recvDatagram()), 'before');
  assert.equal(text(await there.recvDatagram()), 'after');
  await here.close();
});

test('what is urgent overtakes', async () => {
  // A carrier of 12 packets every 10 ms: what goes first is what was chosen.
  const slow = (carrier) => {
    let room = 12;
    let events = null;
    const timer = setInterval(() => { room = 12; events?.room(); }, 10);
    return {
      ...carrier,
      start(listener) { events = listener; carrier.start(listener); },
      hasRoom: () => room > 0,
      send(packet) { room -= 1; carrier.send(packet); },
      close() { clearInterval(timer); carrier.close(); },
    };
  };
  const { here, there } = await pair({ wrap: slow });
  const listener = there.listen({ backlog: 16 });
  const low = await here.createSubstream({ sendOrder: -5 });
  assert.equal(low.sendOrder, -5);
  const high = await here.createSubstream({ sendOrder: -10 });
  const ends = [];
  const drain = async (child) => {
    const name = text(await child.read(1));
    while (await child.read() !== null);
    ends.push(name);
  };
  const send = (stream, name) => stream.write(bytes(name.repeat(200_000))).then(() => stream.finish());
  const sent = [send(low, 'l'), send(high, 'h')];
  const drained = [drain(await listener.accept()), drain(await listener.accept())];
  high.writable.sendOrder = 10;
  assert.equal(high.sendOrder, 10);
  assert.equal((await high.getStats()).sendOrder, 10);
  await Promise.all([...sent, ...drained]);
  assert.deepEqual(ends, ['h', 'l']);
  assert.throws(() => { high.sendOrder = 128; }, RangeError);
  await here.close();
});

test('who holds a crowded session is told, and what is given up goes to the others', async () => {
  const budget = 256 << 10;
  const { here, there } = await pair({ answerer: { sessionBudget: budget } });
  const listener = there.listen({ backlog: 8 });
  const size = 400_000;
  const write = (stream) => stream.write(new Uint8Array(size))
    .then(() => stream.finish()).then(() => 'finished', ({ code }) => code);
  const names = [];
  const writing = [];
  const children = [];
  for (let number = 0; number < 3; number += 1) {
    const stream = await here.createSubstream();
    names.push(stream.streamId);
    writing.push(write(stream));
    // Two that nobody reads have windows for the whole budget.
    if (number < 2) children.push(await listener.accept());
  }
  await there.crowded();
  while ((await there.getStats()).unread < budget) await new Promise(setImmediate);
  const held = await there.largestUnread();
  assert.equal(held.reduce((sum, { unread }) => sum + unread, 0), budget);
  assert.ok(held.every(({ streamId }) => names.includes(streamId)), JSON.stringify(held));
  assert.ok(held.every(({ unread }, at) => at === 0 || unread <= held[at - 1].unread));
  assert.deepEqual(await there.largestUnread(1), held.slice(0, 1));
  for (const child of children) child.stop(1);
  const third = await listener.accept();
  let read = 0;
  for (let part = await third.read(); part; part = await third.read()) read += part.length;
  assert.equal(read, size);
  assert.deepEqual(await Promise.all(writing), ['stopped', 'stopped', 'finished']);
  const waiting = assert.rejects(there.crowded(), { code: 'session-closed' });
  await here.close();
  await waiting;
});

test('waits can be given up, and lose nothing', async () => {
  const { here, there } = await pair();
  const stream = await here.createSubstream();
  const child = await there.acceptSubstream();
  for (let round = 0; round < 100; round += 1) {
    const giveUp = new AbortController();
    const waits = [
      child.read(10, giveUp), child.readRecord(giveUp), child.recvDatagram(giveUp),
      child.acceptSubstream(giveUp), there.acceptSubstream(giveUp),
    ];
    queueMicrotask(() => giveUp.abort(round));
    const ends = await Promise.allSettled(waits);
    for (const { status, reason } of ends) assert.deepEqual([status, reason], ['rejected', round]);
  }
  await stream.writeRecord(bytes('whole'));
  assert.equal(text(await child.readRecord()), 'whole');
  // A write that credit stops half way tells how much was taken.
  const taken = await stream.write(new Uint8Array(10_000_000), { signal: AbortSignal.timeout(100) });
  assert.ok(taken > 0 && taken < 10_000_000);
  let received = 0;
  while (received < taken) received += (await child.read()).length;
  assert.equal(received, taken);
  const timeout = AbortSignal.timeout(10);
  await assert.rejects(child.read(1, { signal: timeout }), { name: 'TimeoutError' });
  await here.close();
});

test('a stream that is let go of is reset; the peer can tell', async () => {
  const { here, there } = await pair();
  const stream = await here.createSubstream();
  await stream.write(bytes('x'));
  const child = await there.acceptSubstream();
  stream.release();
  const drain = async () => { while (await child.read() !== null); };
  await assert.rejects(drain(), { code: 'reset', streamErrorCode: sst.CODE_DROPPED });
  await assert.rejects(stream.write(bytes('y')), { code: 'ended', source: 'local' });
  await here.close();
});

test('services are offered, listed, asked for and refused', async () => {
  const { here, there } = await pair();
  const offers = [{ service: 'clock', protocol: '1', description: 'tells the time' }];
  const requests = there.offerServices(offers);
  const serve = async () => {
    let count = 0;
    for await (const request of requests) {
      count += 1;
      if (count === 2) {
        request.refuse();
        continue;
      }
      await request.stream.writeRecord(bytes(`${request.service}/${request.protocol}: noon`));
      void request.stream.finish();
    }
  };
  void serve();
  assert.deepEqual(await here.listServices(), offers);
  const clock = await here.openService('clock', '1');
  assert.equal(clock.isService, true);
  assert.equal(text(await clock.readRecord()), 'clock/1: noon');
  const codeOf = async (service, protocol) => {
    const stream = await here.openService(service, protocol);
    return stream.read().then(() => null, (error) => error.streamErrorCode);
  };
  assert.equal(await codeOf('clock', '1'), sst.CODE_REFUSED);
  assert.equal(await codeOf('clock', '2'), sst.CODE_PROTOCOL_UNKNOWN);
  assert.equal(await codeOf('nothing', '1'), sst.CODE_SERVICE_UNKNOWN);
  await here.close();
});

test('bytes are those of any buffer source, and nothing else has any', async () => {
  const { here, there } = await pair();
  const stream = await here.createSubstream();
  const words = Uint16Array.of(0x6261, 0x6463);
  for (const source of [words, words.buffer, new DataView(words.buffer, 1, 2), bytes('e')]) {
    await stream.writeRecord(source);
  }
  const child = await there.acceptSubstream();
  for (const wanted of ['abcd', 'abcd', 'bc', 'e']) assert.equal(text(await child.readRecord()), wanted);
  assert.equal(await stream.write(words.buffer), 4);
  assert.equal(text(await child.read()), 'abcd');
  const blob = new Blob(['text']);
  for (const wrong of ['text', 5, null, undefined, [1, 2, 300], {}, blob, new SharedArrayBuffer(4)]) {
    await assert.rejects(stream.write(wrong), TypeError);
    await assert.rejects(stream.writeRecord(wrong), TypeError);
    await assert.rejects(here.sendDatagram(wrong), TypeError);
    const other = await here.createSubstream();
    await assert.rejects(other.writable.getWriter().write(wrong), TypeError);
  }
  await assert.rejects(here.datagrams.writable.getWriter().write('text'), TypeError);
  // Nothing of all that was sent.
  await stream.writeRecord(bytes('!'));
  assert.equal(text(await child.readRecord()), '!');
  await here.sendDatagram(words.buffer, { reliable: true });
  assert.equal(text(await there.recvDatagram()), 'abcd');
  await here.close();
});

test('what is no carrier is refused in words', async () => {
  const endpoint = await sst.SstEndpoint.create();
  class WebSocket extends EventTarget {
    send() {}
    close() {}
  }
  for (const wrong of [new WebSocket(), {}, null, 'wss://example.org/']) {
    const words = { name: 'TypeError', message: /no carrier.* has no start, hasRoom/ };
    await assert.rejects(endpoint.connect(wrong), words);
    await assert.rejects(sst.SstSession.connect(wrong), words);
    assert.throws(() => endpoint.attach(wrong), words);
  }
  await endpoint.close();
});

test('an endpoint ends though its carriers take nothing, or it has none', async () => {
  const within = async (milliseconds, endpoint) => {
    const began = performance.now();
    await endpoint.close();
    const took = performance.now() - began;
    assert.ok(took >= milliseconds, `${took} ms`);
  };
  await within(0, await sst.SstEndpoint.create());
  // One that is gone is not waited for; one that is there might have room yet, for five seconds.
  for (const [isGone, least] of [[true, 0], [false, 4_900]]) {
    const endpoint = await sst.SstEndpoint.create();
    let told;
    let hasRoom = true;
    const carrier = {
      maxPacketBytes: 1200,
      start: (events) => { told = events; },
      hasRoom: () => hasRoom,
      send() {},
      close() {},
    };
    const calling = endpoint.connect(carrier);
    calling.catch(() => {});
    hasRoom = false;
    if (isGone) told.closed('it is gone');
    await within(least, endpoint);
    await assert.rejects(calling);
  }
});
