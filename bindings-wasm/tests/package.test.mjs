// The package as others get it: packed, installed, imported in Node, type-checked, built by Vite.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { serve } from '../demo/server.mjs';
import { launch, missing, open } from './chromium.mjs';

const PACKAGE = process.env.SST_PACKAGE
  ?? new URL('../../target/npm/package', import.meta.url).pathname;
const TOOLS = new URL('../node_modules/.bin', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'sst-npm-'));

const inFolder = (program, ...words) => execFileSync(program, words, {
  cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'],
});

/** Two hosts over a message channel; types and all. */
const APPLICATION = `
import { SstError, SstSession, type SstDatagramOutcome, type SstStream } from '@sst-transport/sst';

export async function greet(): Promise<string> {
  const { port1, port2 } = new MessageChannel();
  const accepting = SstSession.accept(port2);
  const here: SstSession = await SstSession.connect(port1);
  const there = await accepting;
  const stream: SstStream = await here.createSubstream({ sendOrder: 5 });
  await stream.writeRecord(new TextEncoder().encode('hello'));
  const child = await there.acceptSubstream();
  const record: Uint8Array | null | undefined = await child?.readRecord();
  const report = await here.sendDatagram(new Uint8Array(9), { track: true });
  const outcome: SstDatagramOutcome = await report.outcome;
  const { mode } = await here.sendDatagram(new Uint8Array(9));
  if (outcome !== 'acknowledged') throw new Error(\`a \${mode} is \${outcome}\`);
  const { closeCode }: { closeCode: number } = await here.close({ closeCode: 3 });
  const error: Error = new SstError({ code: 'reset', scope: 'stream', message: 'an example' });
  return \`\${new TextDecoder().decode(record ?? undefined)} \${closeCode} \${error.name}\`;
}
`;

before(() => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const [archive] = readdirSync(join(PACKAGE, '..')).filter((name) => name.endsWith('.tgz'));
  inFolder('npm', 'install', '--offline', '--no-audit', '--no-fund', join(PACKAGE, '..', archive));
  writeFileSync(join(folder, 'app.ts'), APPLICATION);
});

after(() => rmSync(folder, { recursive: true }));

test('it type-checks strictly, and runs in Node', () => {
  const lib = ['--lib', 'es2022,dom,dom.iterable,dom.asynciterable', '--types', ''];
  const how = ['--strict', '--target', 'es2022', '--module', 'esnext', '--outDir', 'out',
    '--moduleResolution', 'bundler'];
  try {
    inFolder(join(TOOLS, 'tsc'), ...how, ...lib, 'app.ts');
  } catch (why) {
    assert.fail(why.stdout);
  }
  const script = "import('./out/app.js').then(async ({ greet }) => { console.log(await greet()); process.exit(0); })";
  assert.equal(inFolder('node', '-e', script).trim(), 'hello 3 SstError');
});

test('a Vite app has it with no plugin', { skip: missing }, async () => {
  writeFileSync(join(folder, 'index.html'), '<script type="module" src="/main.ts"></script>');
  writeFileSync(join(folder, 'main.ts'), `
    import { greet } from './app';
    greet().then((text) => { document.title = text; });
  `);
  writeFileSync(join(folder, 'vite.config.js'), "export default { base: './', build: { target: 'esnext' } };");
  inFolder(join(TOOLS, 'vite'), 'build', '--logLevel', 'warn');
  const server = await serve({ folders: { '/app/': join(folder, 'dist') } });
  const browser = await launch();
  try {
    const page = await open(browser, `${server.url}app/index.html`);
    await page.waitForFunction(() => document.title.startsWith('hello'));
    assert.equal(await page.title(), 'hello 3 SstError');
  } finally {
    await browser.close();
    server.close();
  }
});
