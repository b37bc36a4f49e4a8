// The page in Chromium, `sst serve` and `sst gateway` as processes.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { sample } from '../sample.mjs';
import { folder, identityOf, missing, page, start, startGateway, visit } from './harness.mjs';

/** Every file below `root`, with its SHA-256. */
function hashesOf(root) {
  const names = readdirSync(root, { recursive: true }).map(String);
  const files = names.filter((name) => statSync(join(root, name)).isFile()).sort();
  const hash = (name) => createHash('sha256').update(readFileSync(join(root, name))).digest('hex');
  return Object.fromEntries(files.map((name) => [name, hash(name)]));
}

/** The same of what the page holds. */
function hashesIn(tab) {
  return tab.evaluate(async () => {
    const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const pairs = globalThis.demo.tree.files.map(async ({ entry, got }) => {
      const digest = await crypto.subtle.digest('SHA-256', got?.bytes ?? new Uint8Array([0]));
      return [entry.path, hex(new Uint8Array(digest))];
    });
    return Object.fromEntries((await Promise.all(pairs)).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function share(name, files) {
  const root = join(folder, name);
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), contents);
  }
  return root;
}

const serve = (root) => start('serve', root, '--bind', '127.0.0.1:0');

test('the page has the directory, byte for byte, of a host that proved its identity', { skip: missing }, async () => {
  const root = join(folder, 'sample');
  sample(root, { pictures: 6, largeBytes: 1_500_000 });
  const host = await serve(root);
  const gateway = await startGateway([host.line]);
  const { tab, until, leave } = await visit(`${gateway.line}#${identityOf(host.line)}`);
  await until('done');
  assert.deepEqual(await hashesIn(tab), hashesOf(root));
  assert.equal(await tab.textContent('#peer-id'), identityOf(host.line));
  assert.match(await tab.textContent('#badge'), /identity proved/);
  assert.match(await tab.textContent('#fig-files'), /^21 \/ 21$/);
  await tab.waitForFunction(() => {
    const pictures = [...document.querySelectorAll('.preview img')];
    return pictures.filter((one) => one.naturalWidth > 0).length === 6;
  });
  await tab.screenshot({ path: join(dirname(page), 'demo-native.png'), fullPage: true });
  const first = await tab.evaluateHandle('demo.tree');
  await tab.click('#again');
  await tab.waitForFunction((tree) => globalThis.demo.tree !== tree, first);
  await until('done');
  assert.deepEqual(await hashesIn(tab), hashesOf(root));
  await leave();
  await Promise.all([host.end(), gateway.end()]);
});

test('somebody else at that address is an error that says so', { skip: missing }, async () => {
  const host = await serve(share('small', { a: 'a' }));
  const other = await start('echo', '--bind', '127.0.0.1:0');
  // The gateway is wrong, or lies: it leads to the right address with another identity.
  const address = host.line.slice(host.line.indexOf('@'));
  const gateway = await startGateway([`sst://${identityOf(other.line)}${address}`]);
  const { tab, until, leave } = await visit(`${gateway.line}#${identityOf(other.line)}`);
  await until('ended');
  assert.match(await tab.textContent('#trouble-title'), /Wrong host/);
  assert.match(await tab.textContent('#trouble-words'), new RegExp(identityOf(other.line)));
  assert.match(await tab.textContent('#badge'), /not proved/);
  await tab.screenshot({ path: join(dirname(page), 'demo-native-wrong.png') });
  await leave();
  await Promise.all([host.end(), other.end(), gateway.end()]);
});

test('a page is told when the gateway leads elsewhere, is gone, or the link is wrong', { skip: missing }, async () => {
  const host = await serve(share('small', { a: 'a' }));
  const other = await start('echo', '--bind', '127.0.0.1:0');
  const gateway = await startGateway([host.line]);
  const cases = [
    [`#${identityOf(other.line)}`, /does not lead there/],
    [`?gateway=http://127.0.0.1:9/#${identityOf(host.line)}`, /gateway did not help/],
    [`#${identityOf(host.line).slice(0, -1)}`, /not an identity/],
  ];
  for (const [link, title] of cases) {
    const { tab, until, leave } = await visit(gateway.line + link);
    await until('ended');
    assert.match(await tab.textContent('#trouble-title'), title);
    await leave();
  }
  const asked = await visit(gateway.line);
  await asked.until('asking');
  await asked.tab.waitForFunction((id) => document.body.textContent.includes(id), identityOf(host.line));
  await asked.tab.fill('#ask-id', identityOf(host.line));
  await asked.tab.click('#ask button');
  await asked.until('done');
  await asked.leave();
  await Promise.all([host.end(), other.end(), gateway.end()]);
});

test('a gateway that dies in the midst of a transfer costs nothing but time', { skip: missing }, async () => {
  const root = share('larger', { 'one.bin': randomBytes(2_500_000), 'two.txt': 'two' });
  const host = await serve(root);
  const gateway = await startGateway([host.line]);
  // A page stands still while it shows a dialogue, so the gateway dies in the midst of the transfer
  // however busy the machine is.
  const watch = () => {
    const watcher = new MutationObserver(() => {
      if (!globalThis.demo?.tree?.files.some((file) => file.received > 200_000)) return;
      watcher.disconnect();
      alert('in the midst of it');
    });
    watcher.observe(document, { subtree: true, childList: true, attributes: true });
  };
  let again = null;
  const replaceGateway = async (dialogue) => {
    await gateway.end('SIGTERM');
    again = startGateway([host.line], new URL(gateway.line).host);
    await dialogue.accept();
  };
  const { tab, until, leave } = await visit(`${gateway.line}#${identityOf(host.line)}`, async (fresh) => {
    fresh.once('dialog', replaceGateway);
    await fresh.addInitScript(watch);
  });
  await until('done');
  assert.deepEqual(await hashesIn(tab), hashesOf(root));
  assert.equal(await tab.evaluate('demo.figures.paths'), 2);
  await leave();
  await Promise.all([host.end(), (await again).end()]);
});

test('a click has a file before the others', { skip: missing }, async () => {
  const names = ['a', 'b', 'c', 'd'];
  const root = share('four', Object.fromEntries(names.map((name) => [name, randomBytes(1_000_000)])));
  const host = await serve(root);
  const gateway = await startGateway([host.line]);
  // The page itself clicks at the first byte that comes, and notes what had come of the others when
  // the file was whole: from outside, a busy machine would do both too late.
  const watch = () => {
    const isD = ({ entry }) => entry.path === 'd';
    let isClicked = false;
    new MutationObserver(() => {
      const files = globalThis.demo?.tree?.files ?? [];
      if (!isClicked && files.some((file) => file.received > 0)) {
        isClicked = true;
        document.querySelector('.file[title=d]').click();
      }
      if (files.find(isD)?.got) globalThis.others ??= files.filter((file) => !isD(file)).map((file) => file.received);
    }).observe(document, { subtree: true, childList: true, attributes: true });
  };
  const link = `${gateway.line}#${identityOf(host.line)}`;
  const { tab, until, leave } = await visit(link, (fresh) => fresh.addInitScript(watch));
  await until('done');
  const others = await tab.evaluate('others');
  assert.equal(others.length, 3);
  assert.ok(others.every((bytes) => bytes < 800_000), `the others have ${others}`);
  await leave();
  await Promise.all([host.end(), gateway.end()]);
});
