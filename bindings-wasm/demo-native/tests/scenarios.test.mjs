// A page in Chromium and a native host behind the gateway hold the shared conversations, both ways
// at once: with Rust, and with Python if SST_PYTHON is one that has the package `sst`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { identityOf, missing, page, start, startGateway, startPython, visit } from './harness.mjs';

const scenarios = JSON.parse(
  readFileSync(new URL('../../../sst-std/src/scenarios.json', import.meta.url), 'utf8'),
);
const python = missing || (process.env.SST_PYTHON ? false : 'SST_PYTHON names no Python');
const words = ['serve', '--run', '--bind', '127.0.0.1:0'];

async function hold(host) {
  const gateway = await startGateway([host.line], '127.0.0.1:0', `${page}-tests`);
  const { tab, leave } = await visit(`${gateway.line}scenarios.html`);
  await tab.waitForFunction(() => globalThis.hold);
  const failures = await tab.evaluate(
    ([id, all]) => globalThis.hold(id, all), [identityOf(host.line), scenarios],
  );
  assert.deepEqual(failures, {});
  const { code, said } = await host.ended;
  assert.equal(code, 0, said);
  assert.match(said, /^ok +bytes come back$/m);
  await leave();
  await gateway.end();
}

test('a page and Rust', { skip: missing }, async () => {
  await hold(await start('scenarios', ...words));
});

test('a page and Python', { skip: python }, async () => {
  await hold(await startPython('-m', 'sst.scenarios', ...words));
});
