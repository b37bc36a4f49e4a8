// Chromium by its own DevTools protocol, over a pipe. playwright keeps every tab visible and its
// timers running; here, tabs hide behind each other, are throttled, and freeze.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ARGUMENTS, PATH } from './chromium.mjs';

/** A browser process, with further arguments. */
export async function start(...further) {
  const profile = mkdtempSync(join(tmpdir(), 'sst-chromium-'));
  const words = [
    ...ARGUMENTS, '--headless=new', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
  ];
  const child = spawn(PATH, [...words, ...further, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => { child.on('exit', resolve); });
  const send = talk(child.stdio[3], child.stdio[4]);
  return {
    tab: (url) => open(send, url),
    async close() {
      await Promise.race([send('Browser.close'), ended]).catch(() => {});
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Messages are JSON with a zero byte behind each; answers have the number of the question. */
function talk(to, from) {
  const waiting = new Map();
  let [last, text] = [0, ''];
  from.setEncoding('utf8');
  from.on('data', (part) => {
    const messages = (text + part).split('\0');
    text = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    }
  });
  return (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
  });
}

/** A tab in front of all others. */
async function open(send, url) {
  const { targetId } = await send('Target.createTarget', { url });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  /** Calls a function in the page. */
  const call = async (run, ...words) => {
    const expression = `(${run})(${words.map((word) => JSON.stringify(word)).join()})`;
    const how = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await send('Runtime.evaluate', how, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'failed');
    return result.value;
  };
  await loaded(call);
  return {
    call,
    toFront: () => send('Target.activateTarget', { targetId }),
    freeze: () => send('Page.setWebLifecycleState', { state: 'frozen' }, sessionId),
    thaw: () => send('Page.setWebLifecycleState', { state: 'active' }, sessionId),
    slowDown: (rate) => send('Emulation.setCPUThrottlingRate', { rate }, sessionId),
  };
}

/** Until the page has the package. */
async function loaded(call) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await call('() => globalThis.sst !== undefined')) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error('the page did not load');
}
