// UDP in Node: a carrier to one address, or an endpoint that answers many on one socket.

import type { RemoteInfo, Socket } from 'node:dgram';

import type { Carrier, CarrierEvents } from './carrier.js';
import type { SstEndpoint } from './endpoint.js';

/** The largest packet that needs no fragments on any path. */
const UDP_PACKET_BYTES = 1200;

/** Where a peer is. */
export interface UdpAddress {
  address: string;
  port: number;
}

/**
 * Packets to and from one address, over a socket of `node:dgram` that is used for nothing else.
 *
 * @example
 * ```ts
 * const socket = createSocket('udp4');
 * const session = await SstSession.connect(udpCarrier(socket, { address, port }), { peerId });
 * ```
 */
export function udpCarrier(socket: Socket, peer: UdpAddress): Carrier {
  return {
    maxPacketBytes: UDP_PACKET_BYTES,
    start(events) {
      socket.on('message', (bytes, from) => {
        if (from.port === peer.port) events.packet(bytes);
      });
      socket.on('close', () => events.closed('the socket is closed'));
      // An ICMP message ends nothing: the peer may come back.
      socket.on('error', () => {});
    },
    hasRoom: () => true,
    send: (packet) => send(socket, packet, peer),
    close: () => close(socket),
  };
}

/**
 * Lets everyone who sends to `socket` reach `endpoint`: each address becomes a carrier of its own.
 * The endpoint must `accept`.
 */
export function serveUdp(endpoint: SstEndpoint, socket: Socket): void {
  const known = new Map<string, CarrierEvents>();
  socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
    const name = `${from.address} ${from.port}`;
    let events = known.get(name);
    if (!events) {
      const carrier: Carrier = {
        maxPacketBytes: UDP_PACKET_BYTES,
        start: (listener) => { events = listener; },
        hasRoom: () => true,
        send: (packet) => send(socket, packet, from),
        close: () => { known.delete(name); },
      };
      endpoint.attach(carrier);
      if (!events) return;
      known.set(name, events);
    }
    events.packet(bytes);
  });
  socket.on('error', () => {});
}

function send(socket: Socket, packet: Uint8Array, to: UdpAddress): void {
  try {
    socket.send(packet, to.port, to.address, () => {});
  } catch {
    // The socket is closed: the packet is lost, as packets may be.
  }
}

function close(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It was closed before.
  }
}
