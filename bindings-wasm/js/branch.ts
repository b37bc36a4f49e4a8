// SstBranch: what a session and every stream can do: have children and datagrams.

import { bytesOf } from './bytes.js';
import type {
  CallName, Calls, Core, Handle, SstDatagramMode, SstDatagramOutcome, SstStreamStats, StreamFacts,
} from './core.js';
import type { SstStream } from './stream.js';
import { pulled } from './web_streams.js';

/** A wait that can be given up. */
export interface Waiting {
  /** Ends the wait: it throws `signal.reason`, and nothing was taken. */
  signal?: AbortSignal;
}

/** How to open a substream. */
export interface SubstreamOptions extends Waiting {
  /** Higher goes first, from -128 to 127; without it, the parent's. */
  sendOrder?: number | null;
  /** What is not delivered this many milliseconds after the opening is abandoned. */
  lifetime?: number;
  /** Wait if the peer accepts no more children for now. Otherwise: `would-wait`. Default: true. */
  waitUntilAvailable?: boolean;
}

/** How to send a datagram. */
export interface DatagramOptions extends Waiting {
  /** What is not sent, or not delivered, after this many milliseconds is abandoned. */
  lifetime?: number;
  /** It must arrive: it is sent again if lost. */
  reliable?: boolean;
}

/** How to send a datagram whose sender wants to know what becomes of it. */
export interface TrackedDatagramOptions extends DatagramOptions {
  track: true;
}

/** How a datagram was sent. */
export interface DatagramReport {
  /**
   * `packet`: in one packet, sent once; it arrives or not. `substream`: too large for that, or the
   * path loses much, or it is `reliable`: sent again until it arrives or its lifetime ends.
   */
  readonly mode: SstDatagramMode;
}

/** How a datagram was sent, and what becomes of it. */
export interface TrackedDatagramReport extends DatagramReport {
  /** Told once, about a round trip after it left. Rejects only if the whole endpoint failed. */
  readonly outcome: Promise<SstDatagramOutcome>;
}

/** Children that the peer opens, as they come. */
export interface SstListener extends AsyncIterable<SstStream> {
  /** The next one; `null` when the stream or the session has ended. */
  accept(options?: Waiting): Promise<SstStream | null>;
}

/** The datagrams of a place in the tree, in the shape of `WebTransport.datagrams`. */
export interface SstDatagrams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<BufferSource>;
}

/** Those that wait for something: they are not forgotten meanwhile. */
const busy = new Set<SstBranch>();

/** How many children a peer may open ahead of those accepted, unless `listen` says otherwise. */
const BACKLOG = 64;

/** A place in a session's tree of streams. */
export abstract class SstBranch {
  /** @internal */
  readonly core: Core;
  /** @internal */
  readonly handle: Handle;
  #sendOrder: number | null = null;
  #incoming: ReadableStream<SstStream> | null = null;
  #datagrams: SstDatagrams | null = null;
  #listens = false;
  #calls = 0;

  /** @internal */
  constructor(core: Core, handle: Handle) {
    this.core = core;
    this.handle = handle;
  }

  /**
   * Opens a child stream: no round trip, and the peer hears of it at once.
   *
   * @throws {@link SstError} `no-capacity`, `parent-gone`, `session-closed`, `would-wait`
   */
  async createSubstream(options: SubstreamOptions = {}): Promise<SstStream> {
    const { sendOrder = null, lifetime = null, waitUntilAvailable = true, signal } = options;
    const order = sendOrder === null ? null : checkOrder(sendOrder);
    const args: [number | null, number | null, boolean] = [order, lifetime, waitUntilAvailable];
    const facts = await this.call('open', args, signal);
    const stream = this.child(facts);
    if (order !== null) stream.#sendOrder = order;
    return stream;
  }

  /** The same by its name in the other languages. */
  openSubstream(options?: SubstreamOptions): Promise<SstStream> {
    return this.createSubstream(options);
  }

  /** Lets the peer open children here: `backlog` more than are accepted, at any time. */
  listen({ backlog = BACKLOG }: { backlog?: number } = {}): SstListener {
    this.#listens = true;
    this.core.tell('listen', this.handle, backlog);
    const accept = (options?: Waiting): Promise<SstStream | null> => this.#accept(options);
    return {
      accept,
      async *[Symbol.asyncIterator]() {
        for (let child = await accept(); child !== null; child = await accept()) yield child;
      },
    };
  }

  /** The next child the peer opened; `null` when this stream or the session has ended. */
  acceptSubstream(options?: Waiting): Promise<SstStream | null> {
    if (!this.#listens) this.listen();
    return this.#accept(options);
  }

  /** The children that the peer opens, as they come. Listens, once it is looked at. */
  get incomingSubstreams(): ReadableStream<SstStream> {
    this.#incoming ??= pulled((signal) => this.acceptSubstream({ signal }));
    return this.#incoming;
  }

  /**
   * Sends a datagram of any size up to the peer's limit. Resolves when it is taken, with how it
   * travels and, if it is to be tracked, the promise of what becomes of it.
   *
   * @throws {@link SstError} `too-large`, `no-capacity`, `parent-gone`, `session-closed`;
   *   `TypeError` for what has no bytes
   */
  sendDatagram(
    bytes: ArrayBuffer | ArrayBufferView,
    options: TrackedDatagramOptions,
  ): Promise<TrackedDatagramReport>;
  sendDatagram(
    bytes: ArrayBuffer | ArrayBufferView,
    options?: DatagramOptions,
  ): Promise<DatagramReport>;
  async sendDatagram(
    bytes: ArrayBuffer | ArrayBufferView,
    options: DatagramOptions & { track?: true } = {},
  ): Promise<DatagramReport> {
    const { lifetime = null, reliable = false, track, signal } = options;
    const taken = bytesOf(bytes);
    const args: Calls['sendDatagram']['args'] = [taken, lifetime, reliable, track ?? false];
    const [mode, delivery] = await this.call('sendDatagram', args, signal);
    if (!track) return { mode };
    const outcome = this.call('outcome', [delivery]);
    // Who does not look at it hears no complaint of it either.
    outcome.catch(() => {});
    return { mode, outcome } as TrackedDatagramReport;
  }

  /**
   * The next datagram that arrived for this place in the tree.
   *
   * @throws {@link SstError} `parent-gone`, `session-closed`
   */
  recvDatagram({ signal }: Waiting = {}): Promise<Uint8Array> {
    return this.call('recvDatagram', [], signal);
  }

  /** Datagrams as Web Streams: `readable` ends with the session. */
  get datagrams(): SstDatagrams {
    this.#datagrams ??= {
      readable: pulled((signal) => this.recvDatagram({ signal })),
      writable: new WritableStream<BufferSource>({
        write: async (bytes) => { await this.sendDatagram(bytes); },
      }),
    };
    return this.#datagrams;
  }

  /**
   * How urgent this stream's sending is: higher goes first, from -128 to 127; `null` for the
   * parent's. May be changed at any time.
   */
  get sendOrder(): number | null {
    return this.#sendOrder;
  }

  set sendOrder(order: number | null) {
    this.#sendOrder = order === null ? null : checkOrder(order);
    this.core.tell('setSendOrder', this.handle, this.#sendOrder);
  }

  /** `sendOrder` by its name in the other languages. */
  setPriority(priority: number | null): void {
    this.sendOrder = priority;
  }

  /** Asks the peer to send this stream with that priority. A well-meaning peer does. */
  requestSendOrder(order: number): void {
    this.core.tell('requestSendOrder', this.handle, checkOrder(order));
  }

  /** From now, abandons what is not delivered within so many milliseconds; `null` for never. */
  setLifetime(milliseconds: number | null): void {
    this.core.tell('setLifetime', this.handle, milliseconds);
  }

  /** Numbers about the stream; `null` once it is gone. */
  getStreamStats({ signal }: Waiting = {}): Promise<SstStreamStats | null> {
    return this.call('streamStats', [], signal);
  }

  /** @internal Makes the object of a child: classes that import each other would not load. */
  protected abstract child(facts: StreamFacts): SstStream;

  /** @internal Asks the transport, and keeps this object from being forgotten until it answers. */
  protected async call<K extends CallName>(
    name: K,
    args: Calls[K]['args'],
    signal?: AbortSignal,
  ): Promise<Calls[K]['answer']> {
    this.#calls += 1;
    busy.add(this);
    try {
      return await this.core.call(name, this.handle, args, signal);
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) busy.delete(this);
    }
  }

  async #accept({ signal }: Waiting = {}): Promise<SstStream | null> {
    const facts = await this.call('acceptChild', [], signal);
    return facts && this.child(facts);
  }
}

function checkOrder(order: number): number {
  if (Number.isInteger(order) && order >= -128 && order <= 127) return order;
  throw new RangeError(`a sendOrder is an integer from -128 to 127, not ${order}`);
}
