// Carrier: whatever takes packets to one peer and brings its packets back.

/** What an endpoint wants to hear from a carrier. */
export interface CarrierEvents {
  /** A packet came from the peer. The bytes belong to the endpoint from now on. */
  packet(bytes: Uint8Array): void;
  /** There is room again, after `hasRoom` was false. */
  room(): void;
  /** Nothing comes or goes any more. */
  closed(reason: string): void;
}

/**
 * A way to one peer for packets of up to `maxPacketBytes`. It may lose, repeat and reorder them; it
 * must not queue without bound: what finds no room is dropped, and SST sends it again.
 *
 * @example A carrier of your own.
 * ```ts
 * const carrier: Carrier = {
 *   maxPacketBytes: 1200,
 *   start: (events) => socket.on('message', (bytes) => events.packet(bytes)),
 *   hasRoom: () => true,
 *   send: (packet) => socket.send(packet.slice()),
 *   close: () => socket.close(),
 * };
 * ```
 */
export interface Carrier {
  /** The largest packet it takes, in bytes: at least 1200. */
  readonly maxPacketBytes: number;
  /** Begins to deliver. Called once. */
  start(events: CarrierEvents): void;
  /** Whether `send` would take a packet now. If not, `room` is called when it would. */
  hasRoom(): boolean;
  /** Sends a packet, or drops it. `packet` is valid during the call only: copy what is kept. */
  send(packet: Uint8Array): void;
  /** Lets go of what carries. Idempotent. */
  close(): void;
}

/** What can be given where a carrier is wanted. */
export type CarrierLike = Carrier | RTCDataChannel | MessagePort;

/** The packet size that every SST host takes, and that needs no fragments on a data channel. */
export const PACKET_BYTES = 1200;

/**
 * How many packets may wait in a data channel. Below it, SCTP has a congestion control of its own:
 * the shorter its queue, the sooner an urgent packet leaves.
 */
const QUEUED_PACKETS = 8;

/** Settings of `RTCPeerConnection.createDataChannel` that suit SST: no order, no repetition. */
export const DATA_CHANNEL: RTCDataChannelInit = { ordered: false, maxRetransmits: 0 };

/**
 * Makes a carrier of a data channel or a message port; takes a carrier as it is.
 *
 * @throws `TypeError` for anything else, and for a data channel that keeps order
 */
export function toCarrier(from: CarrierLike): Carrier {
  if (typeof RTCDataChannel !== 'undefined' && from instanceof RTCDataChannel) {
    return dataChannelCarrier(from);
  }
  if (typeof MessagePort !== 'undefined' && from instanceof MessagePort) {
    return messagePortCarrier(from);
  }
  const methods = ['start', 'hasRoom', 'send', 'close'] as const;
  const carrier = from as Partial<Carrier> | null | undefined;
  const missing = methods.filter((name) => typeof carrier?.[name] !== 'function');
  if (missing.length === 0) return from as Carrier;
  const given = carrier?.constructor?.name ?? String(carrier);
  throw new TypeError(`no carrier, nor a data channel or message port: ${given} has no `
    + `${missing.join(', ')}`);
}

/**
 * Packets over an `RTCDataChannel`, made with {@link DATA_CHANNEL}. It may still be connecting.
 *
 * @throws `TypeError` if it keeps order: one lost packet would hold up all streams
 */
export function dataChannelCarrier(channel: RTCDataChannel): Carrier {
  if (channel.ordered) {
    throw new TypeError('this data channel keeps order: make it with DATA_CHANNEL');
  }
  const limit = QUEUED_PACKETS * PACKET_BYTES;
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = limit / 2;
  return {
    maxPacketBytes: PACKET_BYTES,
    start(events) {
      channel.addEventListener('message', ({ data }) => {
        if (data instanceof ArrayBuffer) events.packet(new Uint8Array(data));
      });
      channel.addEventListener('bufferedamountlow', () => events.room());
      channel.addEventListener('open', () => events.room());
      channel.addEventListener('close', () => events.closed('the data channel is closed'));
      if (channel.readyState === 'closed') {
        queueMicrotask(() => events.closed('the data channel is closed'));
      }
    },
    hasRoom: () => channel.readyState === 'open' && channel.bufferedAmount < limit,
    send(packet) {
      try {
        channel.send(packet as Uint8Array<ArrayBuffer>);
      } catch {
        // It closed in between, or is full after all: the packet is lost, as packets may be.
      }
    },
    close: () => channel.close(),
  };
}

/** Packets over a `MessagePort`: between a page and a worker, or in tests. */
export function messagePortCarrier(port: MessagePort): Carrier {
  return {
    maxPacketBytes: PACKET_BYTES,
    start(events) {
      port.addEventListener('message', ({ data }) => {
        if (data instanceof Uint8Array) events.packet(data);
        if (data === null) events.closed('the peer closed the port');
      });
      port.addEventListener('close', () => events.closed('the port is closed'));
      port.start();
    },
    hasRoom: () => true,
    send(packet) {
      const copy = packet.slice();
      port.postMessage(copy, [copy.buffer]);
    },
    close() {
      port.postMessage(null);
      port.close();
    },
  };
}

/** Packets over the datagrams of a `WebTransport` session whose server forwards them. */
export function webTransportCarrier(transport: WebTransport): Carrier {
  const writer = transport.datagrams.writable.getWriter();
  let waiting = 0;
  let events: CarrierEvents | null = null;
  const sent = () => {
    waiting -= 1;
    if (waiting === QUEUED_PACKETS / 2) events?.room();
  };
  return {
    maxPacketBytes: PACKET_BYTES,
    start(listener) {
      events = listener;
      const end = () => listener.closed('the WebTransport session is closed');
      receive(transport.datagrams.readable, listener).then(end, end);
    },
    hasRoom: () => waiting < QUEUED_PACKETS,
    send(packet) {
      waiting += 1;
      writer.write(packet.slice()).then(sent, sent);
    },
    close: () => transport.close(),
  };
}

async function receive(readable: ReadableStream, events: CarrierEvents): Promise<void> {
  const reader = readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    events.packet(value as Uint8Array);
  }
}
