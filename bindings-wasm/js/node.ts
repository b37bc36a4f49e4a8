// The package in Node: the same, the module read from its file, and UDP as a carrier.

import { readFileSync } from 'node:fs';
import { initSync } from './wasm/sst.js';
import { alreadyLoaded } from './load.js';

initSync({ module: readFileSync(new URL('./wasm/sst_bg.wasm', import.meta.url)) });
alreadyLoaded();

export * from './index.js';
export * from './udp.js';
