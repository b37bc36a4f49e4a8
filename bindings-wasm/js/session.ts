// SstSession: the bond with one peer, and the root of its tree of streams.

import { SstBranch, type Waiting } from './branch.js';
import type { CarrierLike } from './carrier.js';
import type {
  Core, SessionFacts, SstCloseInfo, SstOffer, SstSessionStats, SstUnread,
  StreamFacts,
} from './core.js';
import { SstEndpoint, type ConnectOptions, type EndpointOptions } from './endpoint.js';
import { releaseWhenLost } from './lost.js';
import { SstServiceListener } from './service.js';
import { SstStream } from './stream.js';

/** What to say when closing. */
export interface CloseOptions {
  /** For the peer's program. Default: 0. */
  closeCode?: number;
  /** For people; at most 128 bytes are kept. */
  reason?: string;
}

/**
 * A session with a peer whose identity is proved; the root of the session's streams.
 *
 * Made by {@link SstEndpoint.connect} and {@link SstEndpoint.accept}, or for one peer alone by
 * {@link SstSession.connect} and {@link SstSession.accept}.
 */
export class SstSession extends SstBranch {
  /** Who the peer is: it has proved it. */
  readonly peerId: string;
  /** Who this host is in it. */
  readonly localId: string;
  /** Fulfilled: a session exists once the peer has answered. Here for WebTransport's sake. */
  readonly ready: Promise<void> = Promise.resolve();
  /** Fulfilled when the session has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<SstCloseInfo>;
  readonly #path: number;

  /** @internal */
  constructor(core: Core, facts: SessionFacts) {
    super(core, facts.handle);
    this.peerId = facts.peerId;
    this.localId = facts.localId;
    this.#path = facts.path;
    this.closed = core.call('closed', facts.handle, []);
    void this.closed.then(() => releaseWhenLost(this, core, facts.handle));
  }

  /** A session with the host at the other end of `carrier`, by an endpoint of its own. */
  static async connect(
    carrier: CarrierLike,
    options: EndpointOptions & ConnectOptions = {},
  ): Promise<SstSession> {
    const endpoint = await SstEndpoint.create(options);
    try {
      return alone(endpoint, await endpoint.connect(carrier, options));
    } catch (thrown) {
      void endpoint.close();
      throw thrown;
    }
  }

  /** The session that the host at the other end of `carrier` starts. */
  static async accept(
    carrier: CarrierLike,
    options: EndpointOptions & Waiting = {},
  ): Promise<SstSession> {
    const endpoint = await SstEndpoint.create({ accept: true, ...options });
    try {
      return alone(endpoint, await endpoint.accept(carrier, options));
    } catch (thrown) {
      void endpoint.close();
      throw thrown;
    }
  }

  /**
   * Ends the session in an orderly way: delivers what was written and finished, then tells the
   * peer. Resolves when that is done, or when the session ended in another way.
   */
  close({ closeCode = 0, reason = '' }: CloseOptions = {}): Promise<SstCloseInfo> {
    this.core.tell('close', this.handle, closeCode, reason);
    return this.closed;
  }

  /** Ends the session now; what is not delivered is lost. */
  abort({ closeCode = 0, reason = '' }: CloseOptions = {}): void {
    this.core.tell('abort', this.handle, closeCode, reason);
  }

  /**
   * Goes on over another carrier, as after a broken connection: streams and bytes stay. The peer
   * does the same.
   */
  replaceCarrier(carrier: CarrierLike): void {
    this.core.replace(this.#path, carrier);
  }

  /** Round trip, losses and volumes; `null` while there is no channel to the peer. */
  getStats({ signal }: Waiting = {}): Promise<SstSessionStats | null> {
    return this.call('sessionStats', [], signal);
  }

  /**
   * Waits until the session is crowded: its peer has something to send, and what nobody reads has
   * used up the endpoint's `sessionBudget`. {@link largestUnread} then names the streams that hold
   * it; to read them, or to `stop` them, lets the others go on. Told once each time.
   *
   * @throws {@link SstError} `session-closed`
   */
  async crowded({ signal }: Waiting = {}): Promise<void> {
    await this.call('crowded', [], signal);
  }

  /** The streams that hold most of what is unread, most first: at most `most`, and at most 1,024. */
  largestUnread(most = 16, { signal }: Waiting = {}): Promise<SstUnread[]> {
    return this.call('largestUnread', [most], signal);
  }

  /**
   * Opens a stream to a service of the peer. It is usable at once; a refusal shows as a `reset`
   * with `CODE_SERVICE_UNKNOWN`, `CODE_PROTOCOL_UNKNOWN` or `CODE_REFUSED`.
   */
  async openService(
    service: string,
    protocol: string,
    { signal }: Waiting = {},
  ): Promise<SstStream> {
    const facts = await this.call('openService', [service, protocol], signal);
    return new SstStream(this.core, facts);
  }

  /** Asks what services the peer offers. */
  listServices({ signal }: Waiting = {}): Promise<SstOffer[]> {
    return this.call('listServices', [], signal);
  }

  /** Offers services to the peer of this session. Instead of `listen`: it takes every child. */
  offerServices(offers: SstOffer[]): SstServiceListener {
    const texts = offers.flatMap((offer) => [
      offer.service, offer.protocol, offer.description ?? '',
    ]);
    this.core.tell('offerServices', this.handle, texts);
    return new SstServiceListener(this.core, this.handle);
  }

  /** @internal */
  protected override child(facts: StreamFacts): SstStream {
    return new SstStream(this.core, facts);
  }
}

/** The endpoint of a session that has one to itself ends with it. */
function alone(endpoint: SstEndpoint, session: SstSession): SstSession {
  void session.closed.then(() => endpoint.close());
  return session;
}
