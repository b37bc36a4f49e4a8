// Starts `sst serve` and `sst gateway` on this machine, and prints the link to open.
//
//   node run.mjs [DIR]        SST_GATEWAY_BINARY: an sst with the feature `gateway`

import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { sample } from './sample.mjs';

const built = (name) => fileURLToPath(new URL(`../../target/${name}`, import.meta.url));
const binary = process.env.SST_GATEWAY_BINARY ?? built('release/sst');
const page = process.env.SST_DEMO ?? built('npm/demo-native');

/** Starts `sst`; resolves with its first line. The demonstration ends when it does. */
function start(...words) {
  const child = spawn(binary, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill());
  child.once('exit', (code) => process.exit(code ?? 0));
  return new Promise((resolve) => {
    let said = '';
    child.stdout.on('data', (text) => {
      said += text;
      if (said.includes('\n')) resolve(said.slice(0, said.indexOf('\n')));
    });
  });
}

let folder = process.argv[2];
if (!folder) {
  folder = mkdtempSync(join(tmpdir(), 'sst-sample-'));
  sample(folder);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit());

const host = await start('serve', folder, '--bind', '127.0.0.1:0');
const identity = host.slice('sst://'.length, host.indexOf('@'));
const gateway = await start('gateway', '--to', host, '--serve', page);
console.log(`sst serve ${folder}\n  ${host}\nsst gateway\n  ${gateway}\n\nOpen ${gateway}#${identity}`);
