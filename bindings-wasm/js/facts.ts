// The module's arrays of facts as objects, by call; in the order of `src/facts.rs`.

import type {
  CallName, Calls, ServiceFacts, SessionFacts, SstCloseInfo, SstOffer, SstSessionStats,
  SstStreamStats, SstUnread, StreamFacts,
} from './core.js';
import type { SstErrorSource } from './errors.js';

type StreamRow = [number, number, number, boolean, boolean];
type SessionRow = [number, number, string, string];

function stream(row: StreamRow): StreamFacts {
  const [handle, streamId, parentId, isDatagram, isService] = row;
  return { handle, streamId, parentId, isDatagram, isService };
}

function session(row: SessionRow): SessionFacts {
  const [handle, path, peerId, localId] = row;
  return { handle, path, peerId, localId };
}

function service([row, name, protocol]: [StreamRow, string, string]): ServiceFacts {
  return { stream: stream(row), service: name, protocol };
}

function closed(row: [number, boolean, string, SstErrorSource]): SstCloseInfo {
  const [closeCode, isTransportCode, reason, source] = row;
  return { closeCode, isTransportCode, reason, source };
}

function offers(rows: [string, string, string][]): SstOffer[] {
  return rows.map(([name, protocol, description]) => ({ service: name, protocol, description }));
}

function streamStats(row: [number, number, number, number, number, number | null]): SstStreamStats {
  const [sendOrder, written, acknowledged, received, read, sendLimit] = row;
  return { sendOrder, written, acknowledged, received, read, sendLimit };
}

function sessionStats(row: number[]): SstSessionStats {
  const [
    smoothedRtt = 0, minRtt = 0, lossRate = 0, windowBytes = 0, inFlightBytes = 0, packetBytes = 0,
    sentPackets = 0, sentBytes = 0, receivedPackets = 0, receivedBytes = 0, lostPackets = 0,
    windowFull = 0, paced = 0, droppedDatagrams = 0, unread = 0,
  ] = row;
  return {
    smoothedRtt, minRtt, lossRate, windowBytes, inFlightBytes, packetBytes,
    sentPackets, sentBytes, receivedPackets, receivedBytes, lostPackets, windowFull, paced,
    droppedDatagrams, unread,
  };
}

function largestUnread(row: number[]): SstUnread[] {
  return Array.from({ length: row.length / 2 }, (_, at) => (
    { streamId: row[2 * at]!, unread: row[2 * at + 1]! }));
}

/** Twice the number of the delivery, and 1 for a substream. */
function sent(packed: number): Calls['sendDatagram']['answer'] {
  return [packed % 2 === 1 ? 'substream' : 'packet', Math.floor(packed / 2)];
}

/** Leaves `null`, the end of whatever it is, as it is. */
function orNull<Row, Fact>(make: (row: Row) => Fact): (row: Row | null) => Fact | null {
  return (row) => (row === null ? null : make(row));
}

/** What makes the answer of a call of what the module says; a call that is not here answers that. */
export const FACTS: { [K in CallName]?: (row: never) => Calls[K]['answer'] } = {
  connect: session,
  accept: orNull(session),
  closed,
  largestUnread,
  open: stream,
  acceptChild: orNull(stream),
  sendDatagram: sent,
  openService: stream,
  listServices: offers,
  acceptService: orNull(service),
  streamStats: orNull(streamStats),
  sessionStats: orNull(sessionStats),
};
