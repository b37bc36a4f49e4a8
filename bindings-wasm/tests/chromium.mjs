// Chromium for tests: started once for each file, pages closed by each test.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { serve } from '../demo/server.mjs';

export const PATH = process.env.SST_CHROMIUM ?? '/usr/bin/chromium';
/** What every browser of the tests is started with. */
export const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/** Nothing that a page does takes longer, on the busiest machine, or it hangs: in milliseconds. */
export const PATIENCE = 120_000;

/** Why browser tests do not run here; false if they do. */
export const missing = existsSync(PATH) ? false : `no ${PATH}`;

/** A browser process. */
export async function launch() {
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath: PATH, args: ARGUMENTS, timeout: PATIENCE });
}

/** The server of the demonstrations, with the pages of the tests under `/tests/`. */
export function serveTests() {
  return serve({ folders: { '/tests/': fileURLToPath(new URL('.', import.meta.url)) } });
}

/** A page that has the package as `sst`; what goes wrong in it is printed. */
export async function open(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => console.error('in the page:', error));
  page.on('console', (message) => {
    if (message.type() === 'error') console.error('in the page:', message.text());
  });
  await page.goto(url);
  return page;
}
