// Sessions and streams between two hosts in one process.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, pair, sst, text } from './pair.mjs';

test('two hosts shake hands, know each other, and close', async () => {
  const { here, there } = await pair();
  assert.equal(here.peerId, there.localId);
  assert.equal(there.peerId, here.localId);
  const stream = await here.createSubstream();
  await stream.writeRecord(bytes('hello'));
  const child = await there.acceptSubstream();
  assert.equal(text(await child.readRecord()), 'hello');
  assert.equal(child.streamId, stream.streamId);
  const closed = await here.close({ closeCode: 7, reason: 'bye' });
  assert.deepEqual(closed, { closeCode: 7, reason: 'bye', source: 'local', isTransportCode: false });
  assert.deepEqual(await there.closed, { ...closed, source: 'peer' });
});
