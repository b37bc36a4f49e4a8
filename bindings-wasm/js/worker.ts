// The script of the worker that a transport runs in: calls come as messages.

import { LocalCore } from './local_core.js';
import { SstError } from './errors.js';
import type { FromWorker, ToWorker } from './worker_core.js';

interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
}

const scope = globalThis as unknown as Scope;
/** Calls that may still be given up. */
const calls = new Map<number, AbortController>();
let core: LocalCore | null = null;
/** Carriers that came before the module was loaded: a channel must be taken when it comes. */
const early: ToWorker[] = [];

scope.onmessage = ({ data }) => {
  if (data.kind === 'start') void start(data);
  else if (core) serve(core, data);
  else early.push(data);
};

async function start({ key, options }: ToWorker & { kind: 'start' }): Promise<void> {
  try {
    core = await LocalCore.start(key, options);
  } catch (thrown) {
    scope.postMessage(failure(0, thrown));
    return;
  }
  scope.postMessage({ id: 0, answer: core.id });
  for (const message of early.splice(0)) serve(core, message);
}

function serve(core: LocalCore, message: ToWorker): void {
  switch (message.kind) {
    case 'attach':
      core.attach(message.carrier);
      break;
    case 'replace':
      core.replace(message.path, message.carrier);
      break;
    case 'call':
      void answer(core, message);
      break;
    case 'giveUp':
      calls.get(message.id)?.abort();
      break;
    case 'tell':
      core.tell(message.name, message.handle, ...message.args as never);
      break;
  }
}

async function answer(core: LocalCore, call: ToWorker & { kind: 'call' }): Promise<void> {
  const { id, name, handle, args } = call;
  const giveUp = new AbortController();
  calls.set(id, giveUp);
  try {
    const told = await core.call(name, handle, args as never, giveUp.signal);
    scope.postMessage({ id, answer: told });
  } catch (thrown) {
    scope.postMessage(failure(id, thrown));
  } finally {
    calls.delete(id);
  }
}

function failure(id: number, thrown: unknown): FromWorker {
  return thrown instanceof SstError ? { id, fault: thrown.toFault() } : { id, thrown };
}
