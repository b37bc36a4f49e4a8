// Loading the WebAssembly module, once.

import initialize, { version as moduleVersion } from './wasm/sst.js';

/** Where the module is, or the module itself. */
export type ModuleSource = string | URL | Response | BufferSource | WebAssembly.Module;

let loading: Promise<unknown> | null = null;

/**
 * Loads the module. Everything that needs it calls this; call it yourself to do so early, or to say
 * where the `.wasm` file is if it does not lie beside the script.
 */
export async function load(from?: ModuleSource | Promise<ModuleSource>): Promise<void> {
  loading ??= initialize(from === undefined ? undefined : { module_or_path: from });
  try {
    await loading;
  } catch (thrown) {
    loading = null;
    throw thrown;
  }
}

/** @internal Whoever has loaded the module in another way says so. */
export function alreadyLoaded(): void {
  loading = Promise.resolve();
}

/** The version of the transport. */
export async function version(): Promise<string> {
  await load();
  return moduleVersion();
}
