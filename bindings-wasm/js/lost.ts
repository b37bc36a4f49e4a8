// Objects the application forgot: their streams are reset, so that nothing leaks.

import type { Core, Handle } from './core.js';

const forgotten = new FinalizationRegistry<{ core: WeakRef<Core>; handle: Handle }>(
  ({ core, handle }) => core.deref()?.tell('release', handle),
);

/** Releases `handle` when `owner` has been collected. A convenience of last resort. */
export function releaseWhenLost(owner: object, core: Core, handle: Handle): void {
  forgotten.register(owner, { core: new WeakRef(core), handle });
}
