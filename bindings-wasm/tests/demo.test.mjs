// The demonstration, between two browser processes. It leaves pictures of itself beside the package.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { serve } from '../demo/server.mjs';
import { launch, missing, open } from './chromium.mjs';

const PICTURES = new URL('../../target/npm/', import.meta.url).pathname;

let server;
let browsers = [];

before(async () => {
  if (missing) return;
  server = await serve();
  browsers = await Promise.all([launch(), launch()]);
});

after(async () => {
  for (const browser of browsers) await browser.close();
  server?.close();
});

const state = (page, name) => page.waitForFunction(
  (name) => document.body.dataset.state === name, name, { timeout: 60_000 },
);

test('what is in view overtakes, and a chat does not wait', { skip: missing, timeout: 110_000 }, async () => {
  const album = await open(browsers[0], server.url);
  await state(album, 'waiting');
  const viewer = await open(browsers[1], server.url);
  await viewer.setViewportSize({ width: 1440, height: 900 });
  await state(viewer, 'viewing');
  // Something has come both ways; then the viewer jumps to what was asked for last.
  await viewer.waitForFunction(() => demo.panes.line.done >= 6, null, { timeout: 60_000 });
  await viewer.click('#jump');
  await viewer.waitForFunction(() => {
    const { done, all } = demo.panes.tree.inView();
    return done === all;
  }, null, { timeout: 60_000 });
  await viewer.mouse.move(200, 300);
  await viewer.mouse.move(400, 420, { steps: 20 });
  await viewer.fill('#chat input', 'Is the last one the sea?');
  await viewer.keyboard.press('Enter');
  const told = await viewer.evaluate(() => ({
    tree: demo.panes.tree.inView(), line: demo.panes.line.inView(), done: demo.panes.tree.done,
  }));
  assert.ok(told.tree.all >= 12);
  assert.ok(told.line.done < told.line.all, 'the ordered stream was as quick: is the link slowed?');
  assert.ok(told.done < 60, 'the tree had sent nearly everything anyway');
  await viewer.waitForSelector('#talk em.line', { timeout: 30_000 });
  const [tree, line] = await viewer.$$eval('#talk em', (notes) => notes
    .toSorted((one, other) => other.className.localeCompare(one.className))
    .map((note) => parseInt(note.textContent, 10)));
  console.log(`a message and its answer: ${tree} ms on a substream, ${line} ms in order`);
  assert.ok(tree < line);
  await viewer.screenshot({ path: `${PICTURES}demo-viewer.png` });
  await album.screenshot({ path: `${PICTURES}demo-album.png` });
  await album.close();
  await viewer.waitForFunction(
    () => document.getElementById('lead').textContent.includes('gone'), null, { timeout: 60_000 },
  );
});
