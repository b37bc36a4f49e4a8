// What the tests start: `sst` processes, and one Chromium.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { PATIENCE, launch, missing } from '../../tests/chromium.mjs';

export { missing };

const built = (name) => fileURLToPath(new URL(`../../../target/${name}`, import.meta.url));
/** `sst`, built with the feature `gateway`. */
const binary = process.env.SST_GATEWAY_BINARY ?? built('debug/sst');
/** The page, as built. */
export const page = process.env.SST_DEMO ?? built('npm/demo-native');

export const folder = mkdtempSync(join(tmpdir(), 'sst-demo-'));
const running = new Set();
const browser = missing ? null : await launch();

after(async () => {
  for (const one of running) one.kill('SIGKILL');
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** Starts `sst`; resolves once it has said its first line. */
export function start(...words) {
  return begin(binary, [...words, '--key', join(folder, `key-${words[0]}`)]);
}

/** The same with a Python that has the package. */
export function startPython(...words) {
  return begin(process.env.SST_PYTHON, words);
}

async function begin(program, words) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let [said, complaint] = ['', ''];
  child.stderr.on('data', (text) => { complaint += text; });
  const ended = new Promise((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, said: said + complaint });
    });
  });
  const line = await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => {
      said += text;
      if (said.includes('\n')) resolve(said.slice(0, said.indexOf('\n')));
    });
    void ended.then(() => reject(new Error(`${program} ${words.join(' ')}: ${complaint}`)));
  });
  const end = (signal = 'SIGTERM') => {
    child.kill(signal);
    return ended;
  };
  return { line, ended, end };
}

/** The identity in `sst://IDENTITY@...`. */
export const identityOf = (url) => url.slice('sst://'.length, url.indexOf('@'));

/** A gateway to `targets` that serves the page. */
export async function startGateway(targets, listen = '127.0.0.1:0', files = page) {
  const to = targets.flatMap((target) => ['--to', target]);
  return start('gateway', ...to, '--listen', listen, '--serve', files);
}

/**
 * Opens a page in a context of its own; what goes wrong in it fails the test that leaves it.
 * `prepare` has the tab before the page.
 */
export async function visit(link, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 } });
  const tab = await context.newPage();
  tab.setDefaultTimeout(PATIENCE);
  const complaints = [];
  tab.on('pageerror', (error) => complaints.push(String(error)));
  await prepare(tab);
  await tab.goto(link);
  const until = (...phases) => tab.waitForFunction(
    (wanted) => wanted.includes(globalThis.demo?.phase), phases,
  );
  const leave = async () => {
    await context.close();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  };
  return { tab, until, leave };
}
