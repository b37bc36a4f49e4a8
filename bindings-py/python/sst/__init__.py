"""Structured Stream Transport: many streams between two hosts, in a tree, for asyncio.

    async with sst.Endpoint() as endpoint:
        async with await endpoint.connect(url) as session:
            async with await session.open_substream(priority=5) as stream:
                await stream.write_record(b"hello")
                print(await stream.read_record())

`sst.blocking` has the same for scripts without an event loop, `sst.testing` a network in memory
with a clock of its own. Three rules hold everywhere: `finish` returns when the peer has
everything; a stream that is dropped, or left by an exception, is reset, and the peer can tell;
cancelling any wait loses nothing and doubles nothing.
"""

from ._asyncio import (
    Branch,
    Delivery,
    Endpoint,
    Listener,
    ServiceListener,
    ServiceRequest,
    Session,
    Stream,
)
from ._errors import (
    TRANSPORT_STREAM_CODE,
    AddressInUse,
    AddressUnknown,
    BindError,
    ConnectError,
    ConnectionRefused,
    DatagramTooLarge,
    EndOfStream,
    EndpointClosed,
    Error,
    ForkedError,
    IdentityError,
    IdentityRefused,
    InvalidUrl,
    NoAnswer,
    NoCapacity,
    ParentGone,
    PeerDropped,
    PeerNoCapacity,
    ProtocolUnknown,
    RecordTooLong,
    RecordTorn,
    ServiceError,
    ServiceRefused,
    ServiceUnknown,
    SessionClosed,
    SessionTimedOut,
    StreamEnded,
    StreamError,
    StreamExpired,
    StreamFinished,
    StreamReset,
    StreamStopped,
    UnfinishedRecord,
)
from ._sst import Identity, __version__
from ._types import EndpointStats, Offer, SessionStats, StreamInfo, Unread

__all__ = [
    "TRANSPORT_STREAM_CODE",
    "AddressInUse",
    "AddressUnknown",
    "BindError",
    "Branch",
    "ConnectError",
    "ConnectionRefused",
    "DatagramTooLarge",
    "Delivery",
    "EndOfStream",
    "Endpoint",
    "EndpointClosed",
    "EndpointStats",
    "Error",
    "ForkedError",
    "Identity",
    "IdentityError",
    "IdentityRefused",
    "InvalidUrl",
    "Listener",
    "NoAnswer",
    "NoCapacity",
    "Offer",
    "ParentGone",
    "PeerDropped",
    "PeerNoCapacity",
    "ProtocolUnknown",
    "RecordTooLong",
    "RecordTorn",
    "ServiceError",
    "ServiceListener",
    "ServiceRefused",
    "ServiceRequest",
    "ServiceUnknown",
    "Session",
    "SessionClosed",
    "SessionStats",
    "SessionTimedOut",
    "Stream",
    "StreamEnded",
    "StreamError",
    "StreamExpired",
    "StreamFinished",
    "StreamInfo",
    "StreamReset",
    "StreamStopped",
    "UnfinishedRecord",
    "Unread",
    "__version__",
]
