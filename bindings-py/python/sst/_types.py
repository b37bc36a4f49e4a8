"""What both faces share: plain values, and the parts of each class that never wait."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, TypeVar

from . import _sst
from ._errors import EndpointClosed, SessionClosed

_T = TypeVar("_T")

Buffer: TypeAlias = bytes | bytearray | memoryview
DatagramForm = Literal["datagram", "stream"]
DatagramOutcome = Literal["acknowledged", "discarded", "expired", "lost", "refused", "unknown"]


@dataclass(frozen=True)
class StreamInfo:
    """Numbers about one stream. Positions count bytes and the marks between records."""

    id: int
    parent_id: int
    is_local: bool
    is_datagram: bool
    is_service: bool
    priority: int
    written: int
    acked: int
    received: int
    read: int
    #: What the peer allows to be sent; None once the sending was reset.
    send_limit: int | None


@dataclass(frozen=True)
class Unread:
    """What one stream holds that nobody has read."""

    #: The id of the stream, as its `info` has it.
    stream: int
    #: Bytes, and marks between records.
    unread: int


@dataclass(frozen=True)
class SessionStats:
    """Numbers about the path to the peer. Times in seconds, loss as a share of 1."""

    sent_packets: int
    sent_bytes: int
    received_packets: int
    received_bytes: int
    acked_packets: int
    lost_packets: int
    #: How often data waited because the congestion window was full.
    window_full: int
    #: How often data waited because the pacer spread them over time.
    paced: int
    #: Came and were dropped, the oldest first, because nobody received them in time.
    dropped_datagrams: int
    window_bytes: int
    in_flight_bytes: int
    loss_rate: float
    mtu_bytes: int
    min_rtt: float
    smoothed_rtt: float


@dataclass(frozen=True)
class EndpointStats:
    """Numbers about an endpoint since it started."""

    received_packets: int
    received_bytes: int
    sent_packets: int
    sent_bytes: int
    handshakes: int
    sessions: int
    streams: int
    bytes_held: int


@dataclass(frozen=True)
class Offer:
    """A service that a host offers: its name, how it is spoken to, and a line for people."""

    service: str
    protocol: str
    description: str = ""


def as_bytes(data: Buffer) -> bytes | bytearray:
    """`data` as the compiled half takes it. Raises BufferError if it is not contiguous."""
    if isinstance(data, (bytes, bytearray)):
        return data
    view = memoryview(data)
    if not view.contiguous:
        raise BufferError("the buffer is not contiguous")
    return view.tobytes()


def fill(buffer: bytearray | memoryview, data: bytes) -> int:
    """Copies `data` to the beginning of `buffer`."""
    view = memoryview(buffer).cast("B")
    view[: len(data)] = data
    return len(data)


def waited(done: _sst._Maybe[_T], timeout: float | None) -> _T:
    """The answer, waited for if it is not there yet."""
    return done.wait(timeout) if isinstance(done, _sst.Operation) else done


class DeliveryBase:
    """A datagram under way: what is known at once."""

    def __init__(self, raw: _sst.Delivery) -> None:
        self._raw = raw

    def __repr__(self) -> str:
        return f"<sst.{type(self).__name__} as {self.form}>"

    @property
    def form(self) -> DatagramForm:
        """How it travels: as one packet ("datagram") or as a short "stream"."""
        return self._raw.form


class BranchBase:
    """A place in a session's tree of streams: what never waits."""

    _raw: _sst.Stream | _sst.Session

    @cached_property
    def _branch(self) -> _sst.Branch:
        # Most streams of a busy server are never asked for it.
        return self._raw.branch()

    def set_priority(self, priority: int | None) -> None:
        """How urgent this host's sending is from now on: -128 to 127, higher goes first.
        None for the parent's priority."""
        self._branch.set_priority(priority)

    def request_priority(self, priority: int) -> None:
        """Asks the peer to send this stream with that priority. A well-meaning peer does."""
        self._branch.request_priority(priority)

    def set_lifetime(self, lifetime: float | None) -> None:
        """From now, abandons what is not delivered within `lifetime` seconds; None for never."""
        self._branch.set_lifetime(lifetime)

    @property
    def info(self) -> StreamInfo | None:
        """Numbers about the stream; None once it is gone."""
        info = self._branch.info()
        return None if info is None else StreamInfo(**info)

    @property
    def priority(self) -> int | None:
        """The priority in force; None once the stream is gone."""
        info = self.info
        return None if info is None else info.priority


class StreamBase(BranchBase):
    """One stream: what never waits."""

    _raw: _sst.Stream

    def __init__(self, raw: _sst.Stream) -> None:
        self._raw = raw

    def __repr__(self) -> str:
        info = self.info
        name = "gone" if info is None else str(info.id)
        return f"<sst.{type(self).__name__} {name}>"

    def reset(self, code: int = 0) -> None:
        """Ends this host's sending at once; what is not delivered is lost. The peer's reads
        raise StreamReset with `code` (below 2**32)."""
        self._branch.reset(code)

    def stop(self, code: int = 0) -> None:
        """Tells the peer that nothing more will be read here. Its writes raise StreamStopped."""
        self._branch.stop(code)

    def release(self) -> None:
        """Lets go at once: what is not finished is reset, what is not read is stopped."""
        self._raw.release()

    @property
    def bytes_written(self) -> int:
        """How many bytes writes have taken so far. After a cancelled `write` this tells how far
        it came; what was taken is delivered."""
        return self._raw.bytes_written

    def _is_all_acked(self) -> bool:
        info = self.info
        return info is not None and info.acked >= info.written


class SessionBase(BranchBase):
    """A session: what never waits."""

    _raw: _sst.Session

    def __init__(self, raw: _sst.Session) -> None:
        self._raw = raw

    def __repr__(self) -> str:
        return f"<sst.{type(self).__name__} with {self.peer_id}>"

    def abort(self, code: int = 0, reason: str = "") -> None:
        """Ends the session now; what is not delivered is lost."""
        self._raw.abort(code, reason)

    def stats(self) -> SessionStats | None:
        """Round trip, losses and volumes; None while there is no path to the peer."""
        stats = self._raw.stats()
        return None if stats is None else SessionStats(**stats)

    @property
    def unread(self) -> int:
        """How much arrived in this session and was not read yet, over all its streams, in bytes
        and marks."""
        return self._raw.unread

    def largest_unread(self, most: int = 16) -> list[Unread]:
        """The streams that hold most of what is unread, most first: at most `most`, and at most
        1,024. A question for when the session is `crowded`."""
        return [Unread(*held) for held in self._raw.largest_unread(most)]

    @property
    def instance(self) -> str | None:
        """Which of several sessions with that peer it is; None for the one without a name."""
        return self._raw.instance

    @property
    def peer_id(self) -> str:
        """Who the peer is. It has proved it."""
        return self._raw.peer_id

    @property
    def local_id(self) -> str:
        """Who this host is."""
        return self._raw.local_id

    @property
    def peer_address(self) -> str | None:
        """Where the peer is now, as ADDRESS:PORT."""
        return self._raw.peer_address

    @property
    def close_reason(self) -> SessionClosed | None:
        """Why the session ended; None while it has not."""
        return self._raw.close_reason()


class EndpointBase:
    """A host: its settings, and what never waits.

    Args:
        bind: where to receive, as `ADDRESS:PORT` or several of them; port 0 for any. By default
            every address and a port the system chooses.
        identity: an Identity, or the path of a key file, which is made if there is none. By
            default a new identity that is forgotten at the end.
        accept: whether peers may start sessions.
        instance: which session with a peer `connect` is for: "usual" (an endpoint that accepts has
            one with each peer, and one that does not another from each call), "unnamed" (the one),
            "fresh" (another), or an instance that both hosts were given, as 16 digits.
        allow: the ids of those who may; None for everyone.
        answers_unknown: whether those who know the address and not the identity are answered;
            whoever scans addresses then learns that this host is here, and who it is.
        cookies: whether peers must first prove their address: "auto" (under load), "always",
            "never".
        cipher: "auto" (AES where the hardware of both does it), "chacha20poly1305", "aes256gcm".
        congestion: "tolerant" (CUBIC that tells random loss from a full queue where it can),
            "bold" (also where it cannot: fast where packets are lost and nobody else sends,
            unfair where queues are short), "cubic", "newreno".
        idle_timeout: seconds of silence after which a session ends; None for never.
        connect_timeout: seconds to wait for a host to answer.
        keep_alive: seconds of silence after which a sign of life is sent; None for never.
        max_sessions: most sessions at a time.
        max_sessions_per_peer: most sessions with one identity that it dialled.
        shares_by_source: whether a source (an IPv4 address, an IPv6 network of 56 bits) gets no
            more sessions than are left for others. False where all peers come from one address.
        backlog: most sessions that wait to be accepted.
        max_streams: most streams at a time, over all sessions.
        max_datagram_bytes: largest datagram accepted.
        datagram_queue_bytes: memory for datagrams that a session has received and nobody took;
            beyond it, the oldest go.
        stream_window: what a peer may send on a stream before any of it is read, in bytes.
        max_stream_window: the most that window grows to while the reader keeps up.
        session_budget: what a session may hold unread, in bytes.
        send_buffer: what a stream takes from its writer before it was sent, in bytes.
        root_child_credit: children a peer may open in a session before it hears from `listen`.
        child_credit: the same under every other stream.
        max_buffer_bytes: memory for what is sent and not acknowledged, or received and not read.
        key_log: DANGER: a file to which the keys of packets are added. Whoever has it reads
            everything.
    """

    _raw: _sst.Endpoint | None

    def __init__(
        self,
        bind: str | Sequence[str] = (),
        *,
        identity: _sst.Identity | str | os.PathLike[str] | None = None,
        accept: bool = False,
        instance: str = "usual",
        allow: Sequence[str] | None = None,
        answers_unknown: bool = False,
        cookies: Literal["auto", "always", "never"] = "auto",
        cipher: Literal["auto", "chacha20poly1305", "aes256gcm"] = "auto",
        congestion: Literal["tolerant", "bold", "cubic", "newreno"] = "tolerant",
        idle_timeout: float | None = 30.0,
        connect_timeout: float = 10.0,
        keep_alive: float | None = None,
        max_sessions: int = 4_096,
        max_sessions_per_peer: int = 64,
        shares_by_source: bool = True,
        backlog: int = 128,
        max_streams: int = 131_072,
        max_datagram_bytes: int = 65_536,
        datagram_queue_bytes: int = 1 << 20,
        root_child_credit: int = 64,
        child_credit: int = 16,
        max_buffer_bytes: int = 256 << 20,
        stream_window: int = 128 << 10,
        max_stream_window: int = 16 << 20,
        session_budget: int = 64 << 20,
        send_buffer: int = 512 << 10,
        key_log: str | os.PathLike[str] | None = None,
    ) -> None:
        if identity is None:
            identity = _sst.Identity.generate()
        elif not isinstance(identity, _sst.Identity):
            identity = _sst.Identity.load_or_create(identity)
        self._identity = identity
        self._settings: dict[str, Any] = {
            "bind": [bind] if isinstance(bind, str) else list(bind),
            "accept": accept,
            "instance": instance,
            "allow": None if allow is None else list(allow),
            "answers_unknown": answers_unknown,
            "cookies": cookies,
            "cipher": cipher,
            "congestion": congestion,
            "idle_timeout": idle_timeout,
            "connect_timeout": connect_timeout,
            "keep_alive": keep_alive,
            "max_sessions": max_sessions,
            "max_sessions_per_peer": max_sessions_per_peer,
            "shares_by_source": shares_by_source,
            "backlog": backlog,
            "max_streams": max_streams,
            "max_datagram_bytes": max_datagram_bytes,
            "datagram_queue_bytes": datagram_queue_bytes,
            "root_child_credit": root_child_credit,
            "child_credit": child_credit,
            "max_buffer_bytes": max_buffer_bytes,
            "stream_window": stream_window,
            "max_stream_window": max_stream_window,
            "session_budget": session_budget,
            "send_buffer": send_buffer,
            "key_log": key_log,
        }
        self._raw = None
        self._sessions: weakref.WeakSet[SessionBase] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<sst.{type(self).__name__} {self.id}>"

    def set_accepting(self, accepting: bool) -> None:
        """Whether peers may start sessions, from now on."""
        self._started().set_accepting(accepting)

    def network_changed(self) -> None:
        """Tells that the machine's addresses, or its way to the network, have changed: every peer
        is asked at once whether it can be heard. Without it, silence tells."""
        self._started().network_changed()

    def stats(self) -> EndpointStats:
        """Numbers about the whole endpoint since it started."""
        return EndpointStats(**self._started().stats())

    def url(self, path: str = "", *, address: str | None = None) -> str:
        """How others reach this host: `sst://ID@ADDRESS:PORT/PATH`.

        `address` is one of `addresses` by default. If that stands for every address of this
        machine, the URL says 127.0.0.1, which others on this machine can use.
        """
        place = self.addresses[0] if address is None else address
        host, _, port = place.rpartition(":")
        if host in ("0.0.0.0", "[::]"):
            host = "127.0.0.1"
        return _sst.url(self.id, f"{host}:{port}", path)

    @property
    def id(self) -> str:
        """Who this host is."""
        return self._identity.id

    @property
    def identity(self) -> _sst.Identity:
        """This host's secret key."""
        return self._identity

    @property
    def addresses(self) -> list[str]:
        """Where it receives, as ADDRESS:PORT, with the ports the system chose."""
        return self._started().addresses

    def _started(self) -> _sst.Endpoint:
        if self._raw is None:
            raise EndpointClosed("the endpoint is not started: use it in a `with` statement")
        return self._raw

    def _abort_sessions(self) -> None:
        for session in list(self._sessions):
            session.abort(1, "an exception ended the endpoint")
