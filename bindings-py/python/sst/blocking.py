"""The same for scripts: no event loop, every call waits in its thread.

    with sst.blocking.Endpoint() as endpoint:
        with endpoint.connect(url) as session:
            with session.open_substream() as stream:
                stream.write_record(b"hello")
                print(stream.read_record())

Names, rules and errors are those of `sst`. Calls that may wait take a `timeout` in seconds, after
which they raise TimeoutError and have done nothing, like a cancelled await. While a call waits,
other threads run; Ctrl-C interrupts it. Any number of threads may use any object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType

from . import _sst
from ._errors import EndOfStream, ParentGone, SessionClosed, StreamStopped
from ._loop import remember
from ._types import (
    BranchBase,
    Buffer,
    DatagramForm,
    DatagramOutcome,
    DeliveryBase,
    EndpointBase,
    Offer,
    SessionBase,
    StreamBase,
    as_bytes,
    fill,
    waited,
)


class Branch(BranchBase):
    """A place in a session's tree of streams: children and datagrams."""

    def open_substream(
        self,
        *,
        priority: int | None = None,
        lifetime: float | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """Opens a child stream. The peer hears of it at once; nothing is waited for unless the
        peer accepts no more children for now.

        Args:
            priority: -128 to 127, higher goes first; None for the parent's.
            lifetime: seconds after which what is not delivered is abandoned.

        Raises:
            NoCapacity, ParentGone, SessionClosed.
        """
        return Stream(waited(self._branch.open_substream(priority, lifetime), timeout))

    def listen(self, backlog: int = 16) -> Listener:
        """Lets the peer open children here, `backlog` more than are accepted at any time."""
        return Listener(self._branch.listen(backlog))

    def send_datagram(
        self, data: Buffer, *, lifetime: float | None = None, timeout: float | None = None
    ) -> DatagramForm:
        """Sends a best-effort datagram of any size up to the peer's limit. With a `lifetime`, in
        seconds, it is abandoned if it has not left by then.

        Returns how it travels: as one packet ("datagram") or, being large, as a short "stream".

        Raises:
            DatagramTooLarge, NoCapacity, ParentGone, SessionClosed.
        """
        return waited(self._branch.send_datagram(as_bytes(data), lifetime), timeout)

    def send_message(self, data: Buffer, *, timeout: float | None = None) -> DatagramForm:
        """Sends a datagram that is sent again if it is lost. The order is not kept.

        Raises:
            As `send_datagram`.
        """
        return waited(self._branch.send_message(as_bytes(data)), timeout)

    def send_tracked_datagram(
        self, data: Buffer, *, lifetime: float | None = None, timeout: float | None = None
    ) -> Delivery:
        """`send_datagram`, and tells what becomes of it: ask the Delivery. Errors alike."""
        done = self._branch.send_tracked_datagram(as_bytes(data), lifetime)
        return Delivery(waited(done, timeout))

    def send_tracked_message(self, data: Buffer, *, timeout: float | None = None) -> Delivery:
        """`send_message`, and tells what becomes of it: ask the Delivery. Errors alike."""
        return Delivery(waited(self._branch.send_tracked_message(as_bytes(data)), timeout))

    def recv_datagram(self, *, timeout: float | None = None) -> bytes:
        """The next datagram that arrived for this place in the tree.

        Raises:
            ParentGone, SessionClosed.
        """
        return waited(self._branch.recv_datagram(), timeout)

    def datagrams(self) -> Iterator[bytes]:
        """Datagrams as they come, until no more can."""
        while True:
            try:
                datagram = waited(self._branch.recv_datagram(), None)
            except (ParentGone, SessionClosed):
                return
            yield datagram


class Delivery(DeliveryBase):
    """A datagram under way."""

    def outcome(self, *, timeout: float | None = None) -> DatagramOutcome:
        """What became of it: once known, always the same.

        Returns one of:
            "acknowledged": the peer's host has it. Whether its program reads it is another matter.
            "lost": the packet it was in is given up, and it is not sent again. It may have arrived.
            "expired": its lifetime ended before it left, or, of a "stream", before all of it was
                acknowledged.
            "refused": the peer did not want it.
            "discarded": it was dropped here before it left: the stream it belongs to ended.
            "unknown": the session ended first, or too many others were tracked.
        """
        return waited(self._raw.outcome(), timeout)


class Stream(Branch, StreamBase):
    """A stream: bytes in order, both ways, with marks between records for those who want them;
    and children of its own.

    As a `with` block, its end finishes the stream and waits until everything written is
    delivered; an exception resets it. `for chunk in stream` reads to the end.

    A read that timed out has taken nothing. Of a `write`, what was taken is delivered, and
    `bytes_written` tells how much that was.
    """

    def read(self, max_bytes: int = 65_536, *, timeout: float | None = None) -> bytes:
        """What has arrived, at least one byte and at most `max_bytes` (up to 1 MiB); b"" at the
        end. Marks of records are passed over.

        Raises:
            StreamReset, StreamEnded, SessionClosed.
        """
        return waited(self._raw.read(max_bytes), timeout)

    def readinto(self, buffer: bytearray | memoryview, *, timeout: float | None = None) -> int:
        """Reads into `buffer` and returns how many bytes; 0 at the end. Errors as `read`."""
        return fill(buffer, waited(self._raw.read(memoryview(buffer).nbytes), timeout))

    def read_record(
        self, max_bytes: int = 1 << 20, *, timeout: float | None = None
    ) -> bytes | None:
        """The bytes up to the next mark; None at the end.

        Raises:
            RecordTooLong: it has more than `max_bytes`; a higher limit reads it.
            UnfinishedRecord: the stream ended inside it; `read` gives its bytes.
            StreamReset, StreamEnded, SessionClosed.
        """
        return waited(self._raw.read_record(max_bytes), timeout)

    def records(self, max_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Records up to the end. Errors as `read_record`."""
        while (record := waited(self._raw.read_record(max_bytes), None)) is not None:
            yield record

    def write(self, data: Buffer, *, timeout: float | None = None) -> None:
        """Writes all of `data`. Waits while the peer, or the network, takes no more.

        Raises:
            StreamStopped, StreamFinished, StreamExpired, StreamEnded, SessionClosed.
        """
        waited(self._raw.write(as_bytes(data), True), timeout)

    def write_some(self, data: Buffer, *, timeout: float | None = None) -> int:
        """Writes as much of `data` as is taken at once, at least one byte, and returns how much.
        If cancelled, it has written nothing. Errors as `write`."""
        return waited(self._raw.write(as_bytes(data), False), timeout)

    def write_record(self, record: Buffer, *, timeout: float | None = None) -> None:
        """Writes `record` and a mark after it.

        If it is cancelled after part of a long record was taken, only `reset` can follow, so that
        no torn record ever passes for a whole one.

        Raises:
            RecordTorn: an earlier record was left half written.
            As `write`.
        """
        waited(self._raw.write_record(as_bytes(record)), timeout)

    def finish(self, *, timeout: float | None = None) -> None:
        """Ends this direction and waits until the peer has everything.

        Raises:
            StreamStopped, StreamExpired, StreamEnded, RecordTorn, SessionClosed.
        """
        waited(self._raw.finish(), timeout)

    def start_finish(self, *, timeout: float | None = None) -> None:
        """Ends this direction without waiting. What was written will be delivered as long as the
        session lasts. Errors as `finish`."""
        waited(self._raw.start_finish(), timeout)

    def aclose(self, *, timeout: float | None = None) -> None:
        """Finishes, waits until everything written is delivered, and lets go of the stream.

        A peer that stops reading after it has everything that was written is no error.
        """
        try:
            waited(self._raw.finish(), timeout)
        except StreamStopped:
            if not self._is_all_acked():
                raise
        finally:
            self._raw.release()

    def send(self, item: Buffer, *, timeout: float | None = None) -> None:
        """`write`, by the name it has in anyio."""
        waited(self._raw.write(as_bytes(item), True), timeout)

    def receive(self, max_bytes: int = 65_536, *, timeout: float | None = None) -> bytes:
        """`read`, by the name and with the habit it has in anyio: raises EndOfStream at the
        end."""
        data = waited(self._raw.read(max_bytes), timeout)
        if not data:
            raise EndOfStream("the stream has ended")
        return data

    def send_eof(self, *, timeout: float | None = None) -> None:
        """`start_finish`, by the name it has in anyio."""
        waited(self._raw.start_finish(), timeout)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        data = waited(self._raw.read(1 << 18), None)
        if not data:
            raise StopIteration
        return data

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.aclose()
        else:
            self._raw.release()


class Listener:
    """Accepts the children a peer opens under one stream: `for child in listener`."""

    def __init__(self, raw: _sst.Listener) -> None:
        self._raw = raw

    def accept(self, *, timeout: float | None = None) -> Stream | None:
        """The next child; None when the session or the parent has ended."""
        child = waited(self._raw.accept(), timeout)
        return None if child is None else Stream(child)

    def __iter__(self) -> Listener:
        return self

    def __next__(self) -> Stream:
        child = waited(self._raw.accept(), None)
        if child is None:
            raise StopIteration
        return Stream(child)


class ServiceRequest:
    """A peer's request for a service that is offered."""

    def __init__(self, raw: _sst.ServiceRequest) -> None:
        self._raw = raw

    @property
    def offer(self) -> Offer:
        """What is asked for."""
        return Offer(*self._raw.offer)

    def accept(self) -> Stream:
        """Serves it: the stream after the request."""
        return Stream(self._raw.accept())

    def refuse(self) -> None:
        """Says no: the peer's reads raise ServiceRefused."""
        self._raw.refuse()


class ServiceListener:
    """Requests for the services offered in one session: `for request in listener`."""

    def __init__(self, raw: _sst.ServiceListener) -> None:
        self._raw = raw

    def accept(self, *, timeout: float | None = None) -> ServiceRequest | None:
        """The next request; None when the session has ended."""
        request = self._raw.accept().wait(timeout)
        return None if request is None else ServiceRequest(request)

    def __iter__(self) -> ServiceListener:
        return self

    def __next__(self) -> ServiceRequest:
        request = self._raw.accept().wait()
        if request is None:
            raise StopIteration
        return ServiceRequest(request)


class Session(Branch, SessionBase):
    """A session with a peer whose identity is proved, and the root of its tree of streams.

    As a `with` block, its end closes the session after everything finished is delivered;
    an exception aborts it with code 1.
    """

    def close(
        self, code: int = 0, reason: str = "", *, timeout: float | None = None
    ) -> SessionClosed:
        """Delivers what was written and finished, then ends the session and tells the peer `code`
        and `reason` (128 bytes of it). Returns why the session ended, which may be another cause.
        """
        return self._raw.close(code, reason).wait(timeout)

    def crowded(self, *, timeout: float | None = None) -> None:
        """Waits until the session is crowded: its peer has something to send, and what nobody
        reads has used up the endpoint's `session_budget`. `largest_unread` then names the streams
        that hold it; to read them, or to `stop` them, lets the others go on. Told once each time.

        Raises:
            SessionClosed.
        """
        self._raw.crowded().wait(timeout)

    def closed(self, *, timeout: float | None = None) -> SessionClosed:
        """Waits for the end of the session, whoever ends it, and returns why."""
        return self._raw.closed().wait(timeout)

    def open_service(self, service: str, protocol: str, *, timeout: float | None = None) -> Stream:
        """A stream to a service of the peer. It is usable at once; a refusal shows in reads, as
        ServiceUnknown, ProtocolUnknown or ServiceRefused.

        Raises:
            ServiceError, NoCapacity, SessionClosed.
        """
        return Stream(self._raw.open_service(service, protocol).wait(timeout))

    def list_services(self, *, timeout: float | None = None) -> list[Offer]:
        """What services the peer offers."""
        return [Offer(*words) for words in self._raw.list_services().wait(timeout)]

    def offer_services(self, offers: Iterable[Offer]) -> ServiceListener:
        """Offers services to the peer of this session."""
        words = [(offer.service, offer.protocol, offer.description) for offer in offers]
        return ServiceListener(self._raw.offer_services(words))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._raw.close(0, "").wait()
        else:
            self._raw.abort(1, "an exception ended the session")


class Endpoint(EndpointBase):
    __doc__ = EndpointBase.__doc__

    def start(self, *, timeout: float | None = None) -> Endpoint:
        """Binds the sockets. `with` does it, and `close` at its end.

        Raises:
            AddressInUse, BindError.
        """
        if self._raw is None:
            self._raw = remember(_sst.bind(self._identity, self._settings).wait(timeout))
        return self

    def connect(self, url: str, *, timeout: float | None = None) -> Session:
        """A session with the host a URL names; looks up its address first.

        An endpoint that only dials has a session of its own from each call. One that accepts has
        one session with each peer, whoever began it, and the call finds it: whoever closes that
        session closes it for all who hold it. The endpoint's `instance` says otherwise.

        Raises:
            InvalidUrl, AddressUnknown, NoAnswer, ConnectionRefused, IdentityRefused, NoCapacity,
            EndpointClosed.
        """
        return self._session(self._started().connect(url).wait(timeout))

    def connect_to(
        self,
        address: str,
        id: str | None = None,
        *,
        instance: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """A session with the host `id` at `address` (ADDRESS:PORT); without an id, with whoever
        answers there: ask for `peer_id` afterwards. `instance` as for the endpoint, for this
        call. Errors as `connect`."""
        return self._session(self._started().connect_to(id, address, instance).wait(timeout))

    def accept(self, *, timeout: float | None = None) -> Session | None:
        """The next session a peer started; None once the endpoint is closed."""
        session = self._started().accept().wait(timeout)
        return None if session is None else self._session(session)

    def close(self, *, timeout: float | None = None) -> None:
        """Ends every session in an orderly way, for at most five seconds, then the endpoint."""
        raw = self._raw
        if raw is not None:
            raw.close().wait(timeout)

    def _session(self, raw: _sst.Session) -> Session:
        session = Session(raw)
        self._sessions.add(session)
        return session

    def __iter__(self) -> Endpoint:
        return self

    def __next__(self) -> Session:
        session = self.accept()
        if session is None:
            raise StopIteration
        return session

    def __enter__(self) -> Endpoint:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abort_sessions()
        self.close()


__all__ = [
    "Branch",
    "Delivery",
    "Endpoint",
    "Listener",
    "ServiceListener",
    "ServiceRequest",
    "Session",
    "Stream",
]
