// Bundles the page of the scenarios.

import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vite';
import demo from '../vite.config.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

export default mergeConfig(demo, defineConfig({
  root: here,
  build: {
    outDir: `${demo.build.outDir}-tests`,
    rolldownOptions: { input: `${here}scenarios.html` },
  },
}));
