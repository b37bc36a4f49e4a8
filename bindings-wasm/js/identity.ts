// SstIdentity: a host's secret key, and its text.

import { load } from './load.js';
import { isHostId as isId, keyId, newKey } from './wasm/sst.js';
import { faultOf } from './fault.js';

/**
 * Who a host is: an X25519 secret key, and the host id that is its public key. There are no
 * certificates: whoever knows the id knows the host.
 */
export class SstIdentity {
  /** The public half, 56 characters: what peers know this host by. */
  readonly id: string;
  readonly #text: string;

  private constructor(id: string, text: string) {
    this.id = id;
    this.#text = text;
  }

  /** A new identity that no one else has. */
  static async generate(): Promise<SstIdentity> {
    await load();
    return this.#take(newKey);
  }

  /**
   * The identity of a key in text form, as `export` and the `sst` command write it.
   *
   * @throws {@link SstError} `malformed`
   */
  static async import(text: string): Promise<SstIdentity> {
    await load();
    return this.#take(() => text);
  }

  /**
   * The secret key as text: the key file of the `sst` command. Whoever has it is this host; keep it
   * where other origins cannot read it (IndexedDB or localStorage of your own origin).
   */
  export(): string {
    return this.#text;
  }

  static #take(key: () => string): SstIdentity {
    try {
      const text = key();
      return new SstIdentity(keyId(text), text);
    } catch (thrown) {
      throw faultOf(thrown);
    }
  }
}

/** Whether a text is a host id, checksum included. */
export async function isHostId(text: string): Promise<boolean> {
  await load();
  return isId(text);
}
