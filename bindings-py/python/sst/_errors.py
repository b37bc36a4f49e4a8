"""One exception class for each thing that can go wrong."""

from __future__ import annotations

from typing import Literal

By = Literal["local", "peer", "timeout"]

#: Stream codes from here up belong to the protocol; smaller ones to applications.
TRANSPORT_STREAM_CODE = 1 << 32
_DROPPED = TRANSPORT_STREAM_CODE
_NO_CAPACITY = TRANSPORT_STREAM_CODE + 2
_SERVICE_UNKNOWN = TRANSPORT_STREAM_CODE + 4
_PROTOCOL_UNKNOWN = TRANSPORT_STREAM_CODE + 5
_REFUSED = TRANSPORT_STREAM_CODE + 6


class Error(Exception):
    """Anything that goes wrong in this package.

    Attributes:
        code: the number that came with it, if one did.
        is_transport: the number is the protocol's, not an application's.
        by: who ended what: this host ("local"), the "peer", or silence ("timeout").
        reason: in the words of who ended it; often empty.
        limit: the size that was exceeded, in bytes.
    """

    code: int | None
    is_transport: bool
    by: By | None
    reason: str
    limit: int | None

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        is_transport: bool = False,
        by: By | None = None,
        reason: str = "",
        limit: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.is_transport = is_transport
        self.by = by
        self.reason = reason
        self.limit = limit


class ForkedError(Error, RuntimeError):
    """Used in a forked child what its parent had made. The child can make its own endpoint."""


class IdentityError(Error):
    """A key could not be made, read or written. The message names the file."""


class InvalidUrl(Error, ValueError):
    """Not an `sst://ID@ADDRESS:PORT/PATH`."""


class NoCapacity(Error):
    """This host has no room for another session, stream or datagram, or for more of a record."""


class BindError(Error):
    """The endpoint could not start."""


class AddressInUse(BindError):
    """Another program has the port."""


class EndpointClosed(Error):
    """The endpoint was closed, or has not been started."""


class ConnectError(Error):
    """No session could be made."""


class AddressUnknown(ConnectError):
    """The name in the URL has no address."""


class NoAnswer(ConnectError, TimeoutError):
    """Nothing answered: nobody is there, UDP is dropped on the way, or the identity is another."""


class ConnectionRefused(ConnectError):
    """The peer, or the protocol, said no."""


class SessionClosed(Error):
    """The session has ended: see `by`, `code` and `reason`."""


class SessionTimedOut(SessionClosed, TimeoutError):
    """The session ended because nothing was heard of the peer."""


class IdentityRefused(SessionClosed, ConnectionRefused):
    """The peer does not want this host because of who it is."""


class StreamError(Error):
    """A stream did not end well."""


class StreamReset(StreamError):
    """The peer reset the stream, with `code`: no more can be read."""


class PeerDropped(StreamReset):
    """The peer let go of the stream without finishing it: an exception, or a crash of a task."""


class PeerNoCapacity(StreamReset):
    """The peer has no room for the stream."""


class ServiceUnknown(StreamReset):
    """The peer offers no service of that name."""


class ProtocolUnknown(StreamReset):
    """The peer offers the service, but not by that protocol."""


class ServiceRefused(StreamReset):
    """The peer does not want this."""


class StreamStopped(StreamError):
    """The peer wants no more of this stream, with `code`: no more can be written."""


class StreamEnded(StreamError):
    """This host has reset, stopped or let go of the stream."""


class StreamExpired(StreamError):
    """The stream's lifetime ended before everything was delivered."""


class StreamFinished(StreamError):
    """Written after `finish`."""


class RecordTooLong(StreamError):
    """The next record is longer than `limit`. It stays; a higher limit reads it."""


class UnfinishedRecord(StreamError, EOFError):
    """The stream ended inside a record: the peer finished without a mark after its last bytes.
    They stay: `read` gives them."""


class RecordTorn(StreamError):
    """The write of a long record was cancelled half way: only `reset` can follow."""


class EndOfStream(StreamError, EOFError):
    """`receive` was called at the end of the stream."""


class ParentGone(Error):
    """The stream that this belongs to is gone."""


class DatagramTooLarge(Error, ValueError):
    """The peer takes datagrams of at most `limit` bytes."""


class ServiceError(Error):
    """The names of service and protocol are too long."""


_RESETS: dict[int, type[StreamReset]] = {
    _DROPPED: PeerDropped,
    _NO_CAPACITY: PeerNoCapacity,
    _SERVICE_UNKNOWN: ServiceUnknown,
    _PROTOCOL_UNKNOWN: ProtocolUnknown,
    _REFUSED: ServiceRefused,
}


def make(
    name: str,
    message: str,
    *,
    code: int | None,
    is_transport: bool,
    by: By | None,
    reason: str,
    limit: int | None,
) -> Exception:
    """The exception for what the compiled half calls `name`."""
    if name == "ValueError":
        return ValueError(message)
    kind: type[Error] = globals()[name]
    if kind is StreamReset and code is not None:
        kind = _RESETS.get(code, StreamReset)
    return kind(message, code=code, is_transport=is_transport, by=by, reason=reason, limit=limit)
