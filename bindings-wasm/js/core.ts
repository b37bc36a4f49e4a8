// Core: the seam between the classes an application sees and the transport, which runs in the same
// thread or in a worker. Everything is named by a handle; everything said here can be posted.

import type { CarrierLike } from './carrier.js';

/** Names a session or a stream of one core. 0 is the endpoint itself. */
export type Handle = number;

/** The endpoint. */
export const ENDPOINT: Handle = 0;

/** What never changes about a stream. */
export interface StreamFacts {
  handle: Handle;
  /** Its name in the session. */
  streamId: number;
  /** The name of the stream it was opened under. */
  parentId: number;
  /** It is one datagram. */
  isDatagram: boolean;
  /** Its first record names a service. */
  isService: boolean;
}

/** What never changes about a session. */
export interface SessionFacts {
  handle: Handle;
  /** The number of the carrier it was made over. */
  path: number;
  /** Who the peer is: it has proved it. */
  peerId: string;
  /** Who this host is. */
  localId: string;
}

/** How a session ended. */
export interface SstCloseInfo {
  /** Chosen by whoever closed it; 0 if nothing is to be said. */
  closeCode: number;
  /** In whose words; often empty. */
  reason: string;
  /** Who ended it. */
  source: 'local' | 'peer' | 'timeout' | 'carrier';
  /** Whether the code is the protocol's own (docs/PROTOCOL.md) and not an application's. */
  isTransportCode: boolean;
}

/** A service a host offers. */
export interface SstOffer {
  /** What is offered, such as `files`. */
  service: string;
  /** How it is spoken to, such as `1`. */
  protocol: string;
  /** For people. */
  description?: string;
}

/** Numbers about a stream, from {@link SstBranch.getStats}. */
export interface SstStreamStats {
  /** The priority in force. */
  sendOrder: number;
  /** Bytes and marks written by this host. */
  written: number;
  /** Of them, acknowledged by the peer without a gap. */
  acknowledged: number;
  /** One past the highest position received. */
  received: number;
  /** Positions read by the application. */
  read: number;
  /** Positions that the peer allows to be sent; `null` once the sending was reset. */
  sendLimit: number | null;
}

/** Numbers about a session and its path, from {@link SstSession.getStats}. */
export interface SstSessionStats {
  /** The smoothed round trip, in milliseconds. */
  smoothedRtt: number;
  /** The least round trip measured, in milliseconds. */
  minRtt: number;
  /** The share of packets lost of late, from 0 to 1. */
  lossRate: number;
  /** The congestion window, in bytes. */
  windowBytes: number;
  /** Sent, and neither acknowledged nor lost, in bytes. */
  inFlightBytes: number;
  /** The largest packet now sent, in bytes. */
  packetBytes: number;
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  receivedBytes: number;
  lostPackets: number;
  /** How often data waited because the congestion window was full. */
  windowFull: number;
  /** How often data waited because the pacer spread them over time. */
  paced: number;
  /** Datagrams that came and were dropped, because nobody received them in time. */
  droppedDatagrams: number;
  /** What arrived and was not read yet, over all streams, in bytes and marks. */
  unread: number;
}

/** What one stream holds that nobody has read, from {@link SstSession.largestUnread}. */
export interface SstUnread {
  /** Its {@link SstStream.streamId}. */
  streamId: number;
  /** Bytes, and marks between records. */
  unread: number;
}

/** Calls that may have to wait: their arguments, and what they answer. */
export interface Calls {
  connect: {
    args: [path: number, peerId: string | null, instance: string | null];
    answer: SessionFacts;
  };
  accept: { args: []; answer: SessionFacts | null };
  closeEndpoint: { args: []; answer: true };
  closed: { args: []; answer: SstCloseInfo };
  crowded: { args: []; answer: true };
  largestUnread: { args: [most: number]; answer: SstUnread[] };
  open: {
    args: [sendOrder: number | null, lifetime: number | null, waits: boolean];
    answer: StreamFacts;
  };
  acceptChild: { args: []; answer: StreamFacts | null };
  read: { args: [maxBytes: number]; answer: Uint8Array | null };
  readRecord: { args: [maxBytes: number]; answer: Uint8Array | null };
  /** Answers how many bytes it took: at least one. */
  write: { args: [bytes: Uint8Array]; answer: number };
  writeRecord: { args: [bytes: Uint8Array]; answer: true };
  finish: { args: []; answer: true };
  sendDatagram: {
    args: [bytes: Uint8Array, lifetime: number | null, reliable: boolean, track: boolean];
    answer: [mode: SstDatagramMode, delivery: number];
  };
  /** Of a delivery of `sendDatagram`; asked for once. */
  outcome: { args: [delivery: number]; answer: SstDatagramOutcome };
  recvDatagram: { args: []; answer: Uint8Array };
  openService: { args: [service: string, protocol: string]; answer: StreamFacts };
  listServices: { args: []; answer: SstOffer[] };
  acceptService: { args: []; answer: ServiceFacts | null };
  streamStats: { args: []; answer: SstStreamStats | null };
  sessionStats: { args: []; answer: SstSessionStats | null };
}

/** Commands: they never wait and never fail; on what is gone they do nothing. */
export interface Commands {
  listen: [backlog: number];
  setSendOrder: [sendOrder: number | null];
  requestSendOrder: [sendOrder: number];
  setLifetime: [milliseconds: number | null];
  /** Without a code: as when a handle is let go of. */
  reset: [code: number | null];
  stop: [code: number | null];
  close: [code: number, reason: string];
  abort: [code: number, reason: string];
  /** Service, protocol and description of each, one after the other. */
  offerServices: [texts: string[]];
  refuse: [];
  networkChanged: [];
  /** Lets go of a handle: a stream that is not finished is reset, a session is aborted. */
  release: [];
}

/** How a datagram travels: in one packet, or as a short-lived substream. */
export type SstDatagramMode = 'packet' | 'substream';

/**
 * What became of a datagram.
 *
 * `acknowledged`: the peer's host has it; whether its program reads it is another matter. `lost`:
 * the packet it was in is given up, and it is not sent again; it may have arrived all the same.
 * `expired`: its lifetime ended before it left or, of a substream, before all of it was
 * acknowledged. `refused`: the peer did not want it. `discarded`: it was dropped here before it
 * left, because the stream it belongs to ended. `unknown`: the session ended first, or too many
 * others were tracked.
 */
export type SstDatagramOutcome =
  'acknowledged' | 'discarded' | 'expired' | 'lost' | 'refused' | 'unknown';

/** A request for a service. */
export interface ServiceFacts {
  stream: StreamFacts;
  service: string;
  protocol: string;
}

export type CallName = keyof Calls;
export type CommandName = keyof Commands;

/** The transport behind an endpoint. */
export interface Core {
  /** Who this host is. */
  readonly id: string;
  /** Takes a carrier into use; the number names it as a path. */
  attach(carrier: CarrierLike): number;
  /** Puts another carrier in the place of `path`'s: what is on its way goes there. */
  replace(path: number, carrier: CarrierLike): void;
  /** Asks for something, and waits until there is an answer. An aborted wait has taken nothing. */
  call<K extends CallName>(
    name: K,
    handle: Handle,
    args: Calls[K]['args'],
    signal?: AbortSignal,
  ): Promise<Calls[K]['answer']>;
  /** Does something. */
  tell<K extends CommandName>(name: K, handle: Handle, ...args: Commands[K]): void;
}
