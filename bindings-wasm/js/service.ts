// Services: names by which peers ask for what a host offers, over one session.

import type { Waiting } from './branch.js';
import type { Core, Handle, ServiceFacts } from './core.js';
import { SstStream } from './stream.js';

/** A peer's request for a service that is offered. */
export class SstServiceRequest {
  readonly service: string;
  readonly protocol: string;
  /** The stream, after the request. Using it is saying yes. */
  readonly stream: SstStream;

  /** @internal */
  constructor(core: Core, facts: ServiceFacts) {
    this.service = facts.service;
    this.protocol = facts.protocol;
    this.stream = new SstStream(core, facts.stream);
  }

  /** Says no: the peer reads `CODE_REFUSED`. */
  refuse(): void {
    this.stream.core.tell('refuse', this.stream.handle);
  }
}

/** The requests for services offered in one session, as they come. */
export class SstServiceListener implements AsyncIterable<SstServiceRequest> {
  readonly #core: Core;
  readonly #session: Handle;

  /** @internal */
  constructor(core: Core, session: Handle) {
    this.#core = core;
    this.#session = session;
  }

  /** The next request; `null` when the session has ended. */
  async accept({ signal }: Waiting = {}): Promise<SstServiceRequest | null> {
    const facts = await this.#core.call('acceptService', this.#session, [], signal);
    return facts && new SstServiceRequest(this.#core, facts);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SstServiceRequest> {
    for (let next = await this.accept(); next !== null; next = await this.accept()) yield next;
  }
}
