// A page that holds the conversations of docs/SCENARIOS.md with a host behind the gateway: it runs
// them, and responds to those that the host runs, all on one session.

import { SstEndpoint, type SstSession } from '@sst-transport/sst';
import { respond, run, sayOver } from '../../tests/scenarios.mjs';
import { openWay } from '../gateway.js';

interface Scenario {
  name: string;
  ends_session?: boolean;
}

/** Opens a way of its own, and calls `use` with a session over it. */
async function apart<T>(host: string, use: (session: SstSession) => Promise<T>): Promise<T> {
  const way = await openWay(new URL('/', location.href), host);
  const endpoint = await SstEndpoint.create();
  try {
    return await use(await endpoint.connect(way.channel, { peerId: host }));
  } finally {
    await endpoint.close();
    way.end();
  }
}

/** What failed, by scenario; empty if nothing did. */
async function hold(host: string, scenarios: Scenario[]): Promise<Record<string, string>> {
  const failures: Record<string, string> = {};
  await apart(host, async (session) => {
    void respond(session);
    for (const scenario of scenarios) {
      const play = (on: SstSession): Promise<void> => run(on, scenario);
      const done = scenario.ends_session ? apart(host, play) : play(session);
      await done.catch((why: Error) => { failures[scenario.name] = why.message; });
    }
    await sayOver(session);
    // The host ends the session when it has run its own.
    await session.closed;
  });
  return failures;
}

Object.assign(globalThis, { hold });
