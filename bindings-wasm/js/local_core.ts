// LocalCore: the transport in this thread. It takes packets in, gives the module its turns, carries
// packets out, keeps one timer, and wakes whoever waits.
//
// The module never calls back: a call either answers, throws, or says "later". Who was told "later"
// is woken by number after the turn in which something came for him, and asks again.

import { toCarrier, type Carrier, type CarrierLike } from './carrier.js';
import type { CallName, Calls, CommandName, Commands, Core, Handle } from './core.js';
import type { EndpointOptions } from './endpoint.js';
import { SstError } from './errors.js';
import { FACTS } from './facts.js';
import { faultOf } from './fault.js';
import { load } from './load.js';
import { Host } from './wasm/sst.js';

/** What those wait for who are simply to ask again. The numbers are those of `Interest` in Rust. */
const INTERESTS = {
  read: 0,
  readRecord: 0,
  crowded: 0,
  write: 1,
  finish: 1,
  accept: 2,
  acceptChild: 2,
  open: 3,
  recvDatagram: 4,
  sendDatagram: 5,
  closed: 6,
  acceptService: 7,
} satisfies Partial<Record<CallName, number>>;
/** How many interests a handle has room for. */
const INTERESTS_OF_HANDLE = 8;

/** Packets sent before others in the thread get their turn. */
const PACKETS_A_TURN = 64;
/** The longest a timer is set for, in milliseconds; what is later is looked at again then. */
const LONGEST_TIMER = 1 << 30;
/**
 * With room nowhere, turns are not taken more often than this, in milliseconds: they could send
 * nothing, and the carrier says when there is room.
 */
const STALLED_TIMER = 50;
/** The longest that the end of the endpoint waits for room in a carrier, in milliseconds. */
const CLOSE_TIMEOUT = 5_000;

/** The largest number that fits into the module, whose memory is no larger. */
const LARGEST = 2 ** 32 - 1;

/** An option that is a whole number. Of another, the module would take 32 bits without a word. */
function whole(
  options: EndpointOptions,
  name: 'maxStreams' | 'maxBufferBytes' | 'maxDatagramBytes' | 'datagramQueueBytes' | 'sessionBudget',
  usual: number,
): number {
  const value = options[name] ?? usual;
  if (Number.isInteger(value) && value >= 0 && value <= LARGEST) return value;
  const message = `${name}: ${value} is not a whole number from 0 to ${LARGEST}`;
  throw new SstError({ code: 'configuration', scope: 'endpoint', message });
}

/** What a turn came to: everything is sent, or others should have a turn, or there is no room. */
type Sent = 'all' | 'some' | 'stalled';

/** One way to a peer. */
interface Path {
  carrier: Carrier;
  /** Nothing comes or goes by it any more. */
  isClosed: boolean;
  /** Sessions over it, which end when it does. */
  sessions: Set<Handle>;
}

/** How the module is called: all calls have this shape. */
type Asking = Record<string, (handle: Handle, ...args: unknown[]) => unknown>;

export class LocalCore implements Core {
  readonly id: string;
  readonly #host: Host;
  readonly #outlives: boolean;
  readonly #paths: Path[] = [];
  readonly #numbers = new WeakMap<CarrierLike, number>();
  /** Who waits, by the number that the module wakes. */
  readonly #waiting = new Map<number, Set<() => void>>();
  /** Of sessions whose carrier went away: that is why they ended, whatever the module says. */
  readonly #cut = new Map<Handle, string>();
  #isTurnDue = false;
  /** A turn is on its way through this channel, behind packets that have come already. */
  readonly #posts = new MessageChannel();
  #isTurnPosted = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  /** By when the endpoint is to have ended, once it was told to. */
  #closesBy = Infinity;

  private constructor(host: Host, outlives: boolean) {
    this.#host = host;
    this.#outlives = outlives;
    this.id = host.id();
    this.#posts.port2.onmessage = () => {
      if (this.#isTurnPosted) this.#turn();
    };
    // In Node, it would keep the process alive.
    (this.#posts.port2 as { unref?: () => void }).unref?.();
  }

  /** An endpoint with the identity of a key's text. */
  static async start(key: string, options: EndpointOptions): Promise<LocalCore> {
    await load();
    try {
      const host = new Host(
        key,
        options.accept ?? false,
        options.allow ?? null,
        options.idleTimeout ?? 30_000,
        options.keepAlive ?? 0,
        options.connectTimeout ?? 10_000,
        whole(options, 'maxStreams', 16_384),
        whole(options, 'maxBufferBytes', 64 << 20),
        whole(options, 'maxDatagramBytes', 65_536),
        whole(options, 'datagramQueueBytes', 1 << 20),
        whole(options, 'sessionBudget', 64 << 20),
      );
      return new LocalCore(host, options.outliveCarriers ?? false);
    } catch (thrown) {
      throw faultOf(thrown);
    }
  }

  attach(from: CarrierLike): number {
    const known = this.#numbers.get(from);
    if (known !== undefined) return known;
    const carrier = toCarrier(from);
    const number = this.#paths.length;
    this.#paths.push({ carrier, isClosed: false, sessions: new Set() });
    this.#numbers.set(from, number);
    this.#listen(number, carrier);
    return number;
  }

  replace(number: number, from: CarrierLike): void {
    const path = this.#paths[number];
    if (!path || this.#numbers.get(from) === number) return;
    const [old, carrier] = [path.carrier, toCarrier(from)];
    path.carrier = carrier;
    path.isClosed = false;
    this.#numbers.set(from, number);
    this.#listen(number, carrier);
    old.close();
    this.#turnSoon();
  }

  async call<K extends CallName>(
    name: K,
    handle: Handle,
    args: Calls[K]['args'],
    signal?: AbortSignal,
  ): Promise<Calls[K]['answer']> {
    signal?.throwIfAborted();
    if (name === 'closeEndpoint' && this.#closesBy === Infinity) {
      this.#closesBy = performance.now() + CLOSE_TIMEOUT;
    }
    const interest = (INTERESTS as Record<string, number>)[name];
    // What became of a datagram is a call that was begun when it was sent.
    const begun = name === 'outcome' ? args[0] as number : null;
    const ask = () => (begun === null
      ? (this.#host as unknown as Asking)[name]!(handle, ...args) : this.#host.resume(begun));
    let answer = this.#asked(ask);
    if (interest !== undefined) {
      const number = handle * INTERESTS_OF_HANDLE + interest;
      while (answer === undefined) {
        await this.#woken(number, signal);
        answer = this.#asked(ask);
      }
    } else if (answer === undefined) {
      answer = await this.#finished(begun ?? this.#host.lastNumber(), signal);
    }
    return this.#told(name, handle, answer);
  }

  tell<K extends CommandName>(name: K, handle: Handle, ...args: Commands[K]): void {
    (this.#host as unknown as Asking)[name]!(handle, ...args);
    this.#turnSoon();
  }

  /** Waits for a call that goes on by its number. */
  async #finished(number: number, signal?: AbortSignal): Promise<unknown> {
    for (;;) {
      try {
        await this.#woken(number * INTERESTS_OF_HANDLE, signal);
      } catch (thrown) {
        this.#host.giveUp(number);
        this.#turnSoon();
        throw thrown;
      }
      const answer = this.#asked(() => this.#host.resume(number));
      if (answer !== undefined) return answer;
    }
  }

  #asked(ask: () => unknown): unknown {
    try {
      return ask();
    } catch (thrown) {
      throw faultOf(thrown);
    } finally {
      if (this.#host.hasWork()) this.#turnSoon();
    }
  }

  /** The module's arrays of facts as objects. */
  #told<K extends CallName>(name: K, handle: Handle, answer: unknown): Calls[K]['answer'] {
    const told = FACTS[name]?.(answer as never) ?? answer;
    if (name === 'closeEndpoint') for (const { carrier } of this.#paths) carrier.close();
    if (name === 'connect' || name === 'accept') this.#onSession(told as Calls['accept']['answer']);
    const cut = name === 'closed' ? this.#cut.get(handle) : undefined;
    if (cut !== undefined) return { ...(told as object), source: 'carrier', reason: cut } as never;
    return told as Calls[K]['answer'];
  }

  #onSession(session: Calls['accept']['answer']): void {
    if (session === null) return;
    const path = this.#paths[session.path];
    path?.sessions.add(session.handle);
    const forget = () => path?.sessions.delete(session.handle);
    this.call('closed', session.handle, []).then(forget, forget);
  }

  /** Resolves when the module has woken `number`. */
  #woken(number: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let waiters = this.#waiting.get(number);
      if (!waiters) this.#waiting.set(number, waiters = new Set());
      const waiter = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.get(number)?.delete(waiter);
        reject(signal?.reason);
      };
      waiters.add(waiter);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  #listen(number: number, carrier: Carrier): void {
    const isCurrent = () => this.#paths[number]?.carrier === carrier;
    carrier.start({
      packet: (bytes) => {
        if (!isCurrent()) return;
        this.#host.handlePacket(number, bytes);
        this.#turnBehindPackets();
      },
      room: () => {
        if (isCurrent()) this.#turnSoon();
      },
      closed: (reason) => {
        const path = this.#paths[number];
        if (!path || !isCurrent()) return;
        path.isClosed = true;
        if (!this.#outlives) this.#cutOff(number, reason);
      },
    });
  }

  /** A carrier is gone: its sessions end now and not when they have been silent for long. */
  #cutOff(number: number, reason: string): void {
    // What was over before, by a timer that is late, say, has a reason of its own.
    this.#host.turn();
    for (const handle of this.#paths[number]?.sessions ?? []) {
      if (this.#host.closed(handle) !== undefined) continue;
      this.#cut.set(handle, reason);
      this.#host.abort(handle, 0, reason);
    }
    this.#turnSoon();
  }

  /** Has a turn taken when the caller is done: many calls and packets make one turn. */
  #turnSoon(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    queueMicrotask(() => this.#turn());
  }

  /**
   * Has a turn taken when the packets that came with this one are in, each of which is a task of its
   * own: one turn, and one acknowledgement, for all of them.
   */
  #turnBehindPackets(): void {
    if (this.#isTurnDue || this.#isTurnPosted) return;
    this.#isTurnPosted = true;
    this.#posts.port1.postMessage(null);
  }

  #turn(): void {
    this.#isTurnDue = false;
    this.#isTurnPosted = false;
    this.#host.turn();
    const sent = this.#transmit();
    this.#wake();
    this.#setTimer(sent);
  }

  /** Sends what there is, while there is room for it. */
  #transmit(): Sent {
    for (let count = 0; count < PACKETS_A_TURN; count += 1) {
      // With room nowhere, packets are better off in the streams: there, the urgent overtake.
      const hasRoom = this.#paths.some(({ carrier }) => carrier.hasRoom());
      if (!hasRoom && this.#waitsForRoom()) return 'stalled';
      const packet = this.#host.transmit();
      if (packet === undefined) return 'all';
      const path = this.#paths[this.#host.packetPath()];
      if (path?.carrier.hasRoom()) path.carrier.send(packet);
    }
    return 'some';
  }

  /** Whether packets are kept until there is room: an end does not wait for what cannot come. */
  #waitsForRoom(): boolean {
    if (this.#closesBy === Infinity) return true;
    return performance.now() < this.#closesBy && this.#paths.some(({ isClosed }) => !isClosed);
  }

  #wake(): void {
    for (const number of this.#host.takeWoken()) {
      const waiters = this.#waiting.get(number);
      if (!waiters) continue;
      this.#waiting.delete(number);
      for (const waiter of waiters) waiter();
    }
  }

  /** There is one timer. It is set anew only to be earlier: one that is too early does no harm. */
  #setTimer(sent: Sent): void {
    if (this.#host.hasEnded()) {
      clearTimeout(this.#timer);
      this.#posts.port1.close();
      return;
    }
    const due = sent === 'some' ? 0 : this.#host.timeout() ?? Infinity;
    const wait = Math.min(sent === 'stalled' ? Math.max(due, STALLED_TIMER) : due, LONGEST_TIMER);
    const at = due === Infinity ? Infinity : performance.now() + wait;
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#turn();
    }, wait);
  }
}
