// SstEndpoint: one identity, and the carriers by which it reaches its peers.

import type { Waiting } from './branch.js';
import type { CarrierLike } from './carrier.js';
import { ENDPOINT, type Core } from './core.js';
import { SstError } from './errors.js';
import { SstIdentity } from './identity.js';
import { LocalCore } from './local_core.js';
import { WorkerCore, canTransferChannels } from './worker_core.js';
import { SstSession } from './session.js';
import { pulled } from './web_streams.js';

/**
 * What an endpoint can be told before it starts. Every field has a sensible default. Streams and
 * bytes are whole numbers below 2^32.
 */
export interface EndpointOptions {
  /** Who this host is, or the text of its key. Default: a new identity. */
  identity?: SstIdentity | string;
  /** Whether peers may start sessions. Default: false; `SstSession.accept` sets it. */
  accept?: boolean;
  /** Which peers may start sessions, by host id. Default: all. */
  allow?: string[];
  /** Silence after which a session ends, in milliseconds; 0 never. Default: 30,000. */
  idleTimeout?: number;
  /** How often an idle session sends a sign of life, in milliseconds; 0 never. Default: 0. */
  keepAlive?: number;
  /** How long `connect` waits for the peer to prove itself, in milliseconds. Default: 10,000. */
  connectTimeout?: number;
  /** Most streams at a time. Default: 16,384. */
  maxStreams?: number;
  /** Memory for what is not yet acknowledged or read, in bytes. Default: 64 MiB. */
  maxBufferBytes?: number;
  /** Largest datagram accepted, in bytes. Default: 65,536. */
  maxDatagramBytes?: number;
  /**
   * Memory for datagrams that a session has received and nobody took, in bytes; beyond it, the
   * oldest go. Default: 1 MiB.
   */
  datagramQueueBytes?: number;
  /** What a session may hold unread, what its peer may still send included, in bytes. Default: 64 MiB. */
  sessionBudget?: number;
  /**
   * Sessions outlive their carrier: they wait for `replaceCarrier` until `idleTimeout`. Otherwise
   * they end with it, as `closed` tells. Default: false.
   */
  outliveCarriers?: boolean;
  /**
   * Runs the transport in a worker, so that a busy page does not hold up packets: one of its own,
   * or this one, whose script is the package's `./worker`. Where the browser cannot give data
   * channels to workers, it runs in the page all the same. A data channel must be handed over in
   * the very task that made it. Default: false.
   */
  worker?: boolean | Worker;
}

/** How to connect. */
export interface ConnectOptions extends Waiting {
  /** The host id that must answer. Default: whoever is there; ask `peerId` afterwards. */
  peerId?: string;
  /**
   * Which session with that host: `'fresh'` for another, `'unnamed'` for the one without a name, or
   * an instance that both hosts were given, as 16 hexadecimal digits. Default: `'usual'`, which is
   * another for an endpoint that does not accept, and for one that does the one there is.
   */
  instance?: string;
}

/**
 * A host: it starts sessions and, if it accepts, answers them.
 *
 * @example
 * ```ts
 * const endpoint = await SstEndpoint.create({ identity: localStorage.getItem('key') ?? undefined });
 * const session = await endpoint.connect(dataChannel, { peerId });
 * const stream = await session.createSubstream({ sendOrder: 5 });
 * ```
 */
export class SstEndpoint {
  /** Who this host is. */
  readonly id: string;
  readonly #core: Core;
  #incoming: ReadableStream<SstSession> | null = null;
  /** Sessions nobody has asked for yet, and those who ask, by path; `null` asks for any. */
  readonly #arrived: { path: number; session: SstSession }[] = [];
  readonly #asking: { path: number | null; take(session: SstSession | null): void }[] = [];
  #accepts = false;

  private constructor(core: Core) {
    this.#core = core;
    this.id = core.id;
  }

  /**
   * Makes an endpoint. Loads the WebAssembly module if that has not happened yet.
   *
   * @throws {@link SstError} `configuration`, `malformed`, `random`
   */
  static async create(options: EndpointOptions = {}): Promise<SstEndpoint> {
    const { identity } = options;
    const known = typeof identity === 'string' ? await SstIdentity.import(identity) : identity;
    const key = (known ?? await SstIdentity.generate()).export();
    const worker = workerOf(options);
    const core = worker
      ? await WorkerCore.start(worker, key, options)
      : await LocalCore.start(key, options);
    return new SstEndpoint(core);
  }

  /**
   * Starts a session with the host at the other end of `carrier`.
   *
   * An endpoint that does not accept has a session of its own from each call. One that accepts has
   * one session with each host, whoever began it, and a call finds it: whoever closes it closes it
   * for all who hold it. `options.instance` says otherwise.
   *
   * @throws {@link SstError} `no-answer` (also what a wrong `peerId` looks like), `refused`,
   *   `endpoint-closed`, `malformed`, `no-capacity`
   */
  async connect(carrier: CarrierLike, options: ConnectOptions = {}): Promise<SstSession> {
    const { peerId = null, instance = null, signal } = options;
    const path = this.attach(carrier);
    const facts = await this.#core.call('connect', ENDPOINT, [path, peerId, instance], signal);
    return new SstSession(this.#core, facts);
  }

  /** Listens to a carrier, by which a peer may start a session. */
  attach(carrier: CarrierLike): number {
    return this.#core.attach(carrier);
  }

  /**
   * The next session that a peer starts: over `carrier`, or over any.
   *
   * @throws {@link SstError} `endpoint-closed`
   */
  async accept(carrier: CarrierLike | null = null, { signal }: Waiting = {}): Promise<SstSession> {
    signal?.throwIfAborted();
    const path = carrier === null ? null : this.attach(carrier);
    const at = this.#arrived.findIndex((one) => path === null || one.path === path);
    const [arrived] = at < 0 ? [] : this.#arrived.splice(at, 1);
    const session = arrived?.session ?? await this.#ask(path, signal);
    if (session) return session;
    throw new SstError({
      code: 'endpoint-closed', scope: 'endpoint', message: 'the endpoint is closed',
    });
  }

  /** The sessions that peers start, as they come. */
  get incomingSessions(): ReadableStream<SstSession> {
    this.#incoming ??= pulled(async (signal) => {
      try {
        return await this.accept(null, { signal });
      } catch (thrown) {
        if (thrown instanceof SstError && thrown.code === 'endpoint-closed') return null;
        throw thrown;
      }
    });
    return this.#incoming;
  }

  /**
   * Tells that the way to the network has changed, as the `online` event of a page does: every peer
   * is asked at once whether it can be heard. Without it, silence tells.
   */
  networkChanged(): void {
    this.#core.tell('networkChanged', ENDPOINT);
  }

  /** Ends every session in an orderly way, for at most five seconds, then ends the endpoint. */
  async close(): Promise<void> {
    await this.#core.call('closeEndpoint', ENDPOINT, []);
  }

  #ask(path: number | null, signal?: AbortSignal): Promise<SstSession | null> {
    return new Promise((resolve, reject) => {
      const one = { path, take: resolve };
      this.#asking.push(one);
      signal?.addEventListener('abort', () => {
        const at = this.#asking.indexOf(one);
        if (at >= 0) this.#asking.splice(at, 1);
        reject(signal.reason);
      }, { once: true });
      if (!this.#accepts) void this.#distribute();
    });
  }

  /** Hands arriving sessions to those who ask, for as long as there are any. */
  async #distribute(): Promise<void> {
    this.#accepts = true;
    while (this.#asking.length > 0) {
      const facts = await this.#core.call('accept', ENDPOINT, []).catch(() => null);
      if (facts === null) {
        for (const { take } of this.#asking.splice(0)) take(null);
        break;
      }
      const { path } = facts;
      const session = new SstSession(this.#core, facts);
      const at = this.#asking.findIndex((one) => one.path === null || one.path === path);
      if (at < 0) this.#arrived.push({ path, session });
      else this.#asking.splice(at, 1)[0]?.take(session);
    }
    this.#accepts = false;
  }
}

/** The worker to run in; `null` for here. */
function workerOf({ worker = false }: EndpointOptions): Worker | null {
  if (worker === false || !canTransferChannels()) return null;
  if (worker !== true) return worker;
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}
