// Bundles the page with the package that `cargo xtask wasm` built.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const built = (name) => fileURLToPath(new URL(`../../target/npm/${name}`, import.meta.url));
const library = process.env.SST_PACKAGE ?? built('package');

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative: wherever the gateway serves it.
  base: './',
  resolve: { alias: { '@sst-transport/sst': `${library}/dist/index.js` } },
  build: {
    target: 'esnext',
    outDir: process.env.SST_DEMO ?? built('demo-native'),
    emptyOutDir: true,
    // The module stays a file, so that the browser compiles it while it loads.
    assetsInlineLimit: 0,
  },
});
