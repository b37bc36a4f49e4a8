// Every face of SST holds the same conversations: docs/SCENARIOS.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { lossy } from './lossy.mjs';
import { pair } from './pair.mjs';
import { respond, run } from './scenarios.mjs';

const scenarios = JSON.parse(
  readFileSync(new URL('../../sst-std/src/scenarios.json', import.meta.url), 'utf8'),
);

for (const loss of [0, 0.05]) {
  test(`Node with Node, ${loss * 100} % lost`, async (t) => {
    let seed = 7;
    const wrap = (carrier) => (loss ? lossy(carrier, { seed: seed += 1, loss }) : carrier);
    let { here, there } = await pair({ wrap });
    void respond(there);
    for (const scenario of scenarios) {
      await t.test(scenario.name, async () => {
        if (scenario.ends_session) {
          const own = await pair({ wrap });
          void respond(own.there);
          await run(own.here, scenario);
          await own.here.close();
        } else {
          await run(here, scenario);
        }
      });
    }
    assert.equal((await here.close()).source, 'local');
  });
}
