// SstError: what can go wrong, with who did it, to what, with which code and in whose words.

/** What went wrong. */
export type SstErrorCode =
  /** The carrier (data channel, port) of the session is gone. */
  | 'carrier-closed'
  /** The configuration is not possible. */
  | 'configuration'
  /** The stream was ended by this host: reset, stopped or let go. */
  | 'ended'
  /** The endpoint was closed. */
  | 'endpoint-closed'
  /** The stream's lifetime ended before everything was delivered. */
  | 'expired'
  /** The stream was finished before. */
  | 'finished'
  /** A host id, key or name that is malformed. */
  | 'malformed'
  /** A host makes no session with itself. */
  | 'myself'
  /** Nobody answered, or somebody of another identity. */
  | 'no-answer'
  /** A table of this host is full. */
  | 'no-capacity'
  /** The stream asked to open a child is gone. */
  | 'parent-gone'
  /** There are no random bytes. */
  | 'random'
  /** A record is longer than the caller allows. It stays; a higher limit reads it. */
  | 'record-too-long'
  /** The write of a record was cancelled half way; only a reset can follow. */
  | 'record-torn'
  /** The stream ended inside a record. Its bytes stay: plain reads give them. */
  | 'record-unfinished'
  /** The peer refused the session. */
  | 'refused'
  /** The peer reset the stream. */
  | 'reset'
  /** The session ended. */
  | 'session-closed'
  /** The peer wants no more of the stream. */
  | 'stopped'
  /** The peer takes no datagram of this size. */
  | 'too-large'
  /** It would have had to wait, and the caller said not to. */
  | 'would-wait';

/** Who did it: this host, the other one, silence, or what carries the packets. */
export type SstErrorSource = 'local' | 'peer' | 'timeout' | 'carrier';

/** To what it happened. */
export type SstErrorScope = 'stream' | 'datagram' | 'session' | 'endpoint';

/** The facts of an error, as they travel between a worker and a page. */
export interface SstFault {
  code: SstErrorCode;
  source: SstErrorSource;
  scope: SstErrorScope;
  /** With which a stream was reset or stopped; from 2^32 up the protocol's own. */
  streamErrorCode: number | null;
  /** With which the session was closed. */
  closeCode: number | null;
  /** Whether `closeCode` is the protocol's own (docs/PROTOCOL.md) and not an application's. */
  isTransportCode: boolean;
  /** The words of whoever closed the session; often empty. */
  reason: string;
  /** For people. */
  message: string;
}

/** The one error of this package. Aborted waits throw `signal.reason` instead, as everywhere. */
export class SstError extends Error implements SstFault {
  override readonly name = 'SstError';
  readonly code: SstErrorCode;
  readonly source: SstErrorSource;
  readonly scope: SstErrorScope;
  readonly streamErrorCode: number | null;
  readonly closeCode: number | null;
  readonly isTransportCode: boolean;
  readonly reason: string;

  constructor(fault: Partial<SstFault> & Pick<SstFault, 'code' | 'scope' | 'message'>) {
    super(fault.message);
    this.code = fault.code;
    this.scope = fault.scope;
    this.source = fault.source ?? 'local';
    this.streamErrorCode = fault.streamErrorCode ?? null;
    this.closeCode = fault.closeCode ?? null;
    this.isTransportCode = fault.isTransportCode ?? false;
    this.reason = fault.reason ?? '';
  }

  /** The plain facts, which can be posted to another thread. */
  toFault(): SstFault {
    const { code, source, scope, streamErrorCode, closeCode, isTransportCode, reason } = this;
    const { message } = this;
    return {
      code, source, scope, streamErrorCode, closeCode, isTransportCode, reason, message,
    };
  }
}

/** Codes of streams from here up belong to the protocol; smaller ones to applications. */
export const TRANSPORT_STREAM_CODE = 2 ** 32;
/** The peer let go of its stream without finishing. */
export const CODE_DROPPED = TRANSPORT_STREAM_CODE;
/** The host on the other side has no room for the stream. */
export const CODE_NO_CAPACITY = TRANSPORT_STREAM_CODE + 2;
/** The other side offers no service of that name. */
export const CODE_SERVICE_UNKNOWN = TRANSPORT_STREAM_CODE + 4;
/** The other side offers the service, but not by that protocol. */
export const CODE_PROTOCOL_UNKNOWN = TRANSPORT_STREAM_CODE + 5;
/** The other side does not want this. */
export const CODE_REFUSED = TRANSPORT_STREAM_CODE + 6;
