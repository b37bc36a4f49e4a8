// SstStream: one stream of a session, for bytes or for records.

import { SstBranch, type Waiting } from './branch.js';
import { bytesOf } from './bytes.js';
import type { Core, StreamFacts } from './core.js';
import { SstError } from './errors.js';
import { releaseWhenLost } from './lost.js';
import { pulled, pulledBytes } from './web_streams.js';

/** The longest record that is read unless a caller allows more, in bytes. */
const MAX_RECORD_BYTES = 1 << 20;
/** What `readable` asks for at a time, in bytes. */
const CHUNK_BYTES = 65_536;

/** A `WritableStream` whose urgency can be set, as in WebTransport. */
export interface SstWritable extends WritableStream<BufferSource> {
  /** The stream's {@link SstBranch.sendOrder}. */
  sendOrder: number | null;
}

/** How long a record may be, and a wait that can be given up. */
export interface RecordOptions extends Waiting {
  /** The longest record wanted, in bytes. Default: 1 MiB. */
  maxBytes?: number;
}

/**
 * A stream: bytes in order, both ways, with marks between records for those who want them; and
 * children of its own.
 *
 * Use either the Web Streams (`readable`, `writable`, `records()`) or the methods (`read`, `write`,
 * `readRecord`, `writeRecord`, `finish`). A stream is *finished* by `finish()` or `writable.close()`,
 * whose promise resolves when the peer has everything; anything else that ends it, an error, an
 * abort or being forgotten, *resets* it: the peer can always tell an end from an accident.
 */
export class SstStream extends SstBranch {
  /** Its name in the session. */
  readonly streamId: number;
  /** The name of the stream it was opened under. */
  readonly parentId: number;
  /** It is one datagram: a single record, then the end. */
  readonly isDatagram: boolean;
  /** Its first record names a service. */
  readonly isService: boolean;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #writable: SstWritable | null = null;
  /** Writes go one after the other, however they are called. */
  #lastWrite: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(core: Core, facts: StreamFacts) {
    super(core, facts.handle);
    this.streamId = facts.streamId;
    this.parentId = facts.parentId;
    this.isDatagram = facts.isDatagram;
    this.isService = facts.isService;
    releaseWhenLost(this, core, facts.handle);
  }

  /** What the peer writes, as a byte stream. Cancelling it tells the peer to stop. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#readable ??= pulledBytes(
      (maxBytes, signal) => this.read(maxBytes, { signal }),
      (reason) => this.core.tell('stop', this.handle, codeOf(reason)),
      CHUNK_BYTES,
    );
    return this.#readable;
  }

  /**
   * What this host writes. A write waits for the peer's credit; `close` resolves when the peer has
   * everything; `abort` resets.
   */
  get writable(): SstWritable {
    this.#writable ??= this.#makeWritable();
    return this.#writable;
  }

  /** The records that the peer writes, as a stream. Cancelling it tells the peer to stop. */
  records(options: Omit<RecordOptions, 'signal'> = {}): ReadableStream<Uint8Array> {
    return pulled(
      (signal) => this.readRecord({ ...options, signal }),
      (reason) => this.core.tell('stop', this.handle, codeOf(reason)),
    );
  }

  /**
   * Reads what has come, at most `maxBytes`; waits if that is nothing. `null` at the end.
   *
   * @throws {@link SstError} `reset`, `ended`, `session-closed`
   */
  read(maxBytes = CHUNK_BYTES, { signal }: Waiting = {}): Promise<Uint8Array | null> {
    return this.call('read', [maxBytes], signal);
  }

  /**
   * The next record: the bytes up to the next mark. `null` at the end. An aborted wait loses
   * nothing: what has come stays for the next call.
   *
   * @throws {@link SstError} `record-too-long`; `record-unfinished` if the stream ends inside one,
   *   whose bytes {@link read} gives; and what {@link read} throws
   */
  readRecord(options: RecordOptions = {}): Promise<Uint8Array | null> {
    const { maxBytes = MAX_RECORD_BYTES, signal } = options;
    return this.call('readRecord', [maxBytes], signal);
  }

  /**
   * Writes bytes, as fast as the peer's credit allows. Resolves with how many were taken: all of
   * them, or fewer if `signal` ended the wait in between. If none were, it throws `signal.reason`.
   *
   * @throws {@link SstError} `stopped`, `expired`, `finished`, `ended`, `session-closed`;
   *   `TypeError` for what has no bytes
   */
  async write(
    bytes: ArrayBuffer | ArrayBufferView,
    { signal }: Waiting = {},
  ): Promise<number> {
    const checked = bytesOf(bytes);
    return this.#inTurn(() => this.#writeAll(checked, signal), signal);
  }

  /**
   * Writes a record: the bytes, and a mark after them. If `signal` ends the wait after a part was
   * taken, only a reset can follow (`record-torn`): no torn record passes for a whole one.
   *
   * @throws {@link SstError} as {@link write}, and `record-torn`
   */
  async writeRecord(
    bytes: ArrayBuffer | ArrayBufferView,
    { signal }: Waiting = {},
  ): Promise<void> {
    const checked = bytesOf(bytes);
    await this.#inTurn(() => this.call('writeRecord', [checked], signal), signal);
  }

  /**
   * Ends this direction, and waits until the peer has everything. The end stands even if `signal`
   * ends the wait.
   *
   * @throws {@link SstError} as {@link write}
   */
  async finish({ signal }: Waiting = {}): Promise<void> {
    await this.#inTurn(() => this.call('finish', [], signal), signal);
  }

  /** Ends this host's sending at once; what is not delivered is lost. `code`: 0 to 2^32 - 1. */
  reset(code = 0): void {
    this.core.tell('reset', this.handle, code);
  }

  /** Tells the peer that nothing more will be read here. `code`: 0 to 2^32 - 1. */
  stop(code = 0): void {
    this.core.tell('stop', this.handle, code);
  }

  /** Lets go of the stream now: unless it is finished and read to the end, that resets it. */
  release(): void {
    this.core.tell('release', this.handle);
  }

  /** Numbers about the stream; `null` once it is gone. */
  getStats(options?: Waiting) {
    return this.getStreamStats(options);
  }

  /** @internal */
  protected override child(facts: StreamFacts): SstStream {
    return new SstStream(this.core, facts);
  }

  async #writeAll(bytes: Uint8Array, signal?: AbortSignal): Promise<number> {
    let taken = 0;
    while (taken < bytes.length) {
      const rest = taken === 0 ? bytes : bytes.subarray(taken);
      try {
        taken += await this.call('write', [rest], signal);
      } catch (thrown) {
        if (taken > 0 && signal?.aborted && !(thrown instanceof SstError)) break;
        throw thrown;
      }
    }
    return taken;
  }

  #inTurn<T>(write: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#lastWrite.then(() => {
      signal?.throwIfAborted();
      return write();
    });
    this.#lastWrite = turn.catch(() => {});
    return turn;
  }

  #makeWritable(): SstWritable {
    const writable = new WritableStream<BufferSource>({
      write: async (bytes, controller) => {
        await this.write(bytes, { signal: controller.signal });
      },
      close: () => this.finish(),
      abort: (reason) => this.core.tell('reset', this.handle, codeOf(reason)),
    }) as SstWritable;
    Object.defineProperty(writable, 'sendOrder', {
      get: () => this.sendOrder,
      set: (order: number | null) => { this.sendOrder = order; },
    });
    return writable;
  }
}

/** The code that an abort's or cancel's reason carries, as in WebTransport; `null` for "dropped". */
function codeOf(reason: unknown): number | null {
  if (typeof reason === 'number') return reason;
  const code = (reason as { streamErrorCode?: unknown } | null | undefined)?.streamErrorCode;
  return typeof code === 'number' ? code : null;
}
