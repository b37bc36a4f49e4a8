"""The classes for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable
from types import TracebackType
from typing import Any

from . import _sst
from ._errors import EndOfStream, ParentGone, SessionClosed, StreamStopped
from ._loop import remember
from ._sst import Operation
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
)


class Branch(BranchBase):
    """A place in a session's tree of streams: children and datagrams."""

    async def open_substream(
        self, *, priority: int | None = None, lifetime: float | None = None
    ) -> Stream:
        """Opens a child stream. The peer hears of it at once; nothing is waited for unless the
        peer accepts no more children for now.

        Args:
            priority: -128 to 127, higher goes first; None for the parent's.
            lifetime: seconds after which what is not delivered is abandoned.

        Raises:
            NoCapacity, ParentGone, SessionClosed.
        """
        done = self._branch.open_substream(priority, lifetime)
        return Stream(await done if isinstance(done, Operation) else done)

    def listen(self, backlog: int = 16) -> Listener:
        """Lets the peer open children here, `backlog` more than are accepted at any time."""
        return Listener(self._branch.listen(backlog))

    async def send_datagram(self, data: Buffer, *, lifetime: float | None = None) -> DatagramForm:
        """Sends a best-effort datagram of any size up to the peer's limit. With a `lifetime`, in
        seconds, it is abandoned if it has not left by then.

        Returns how it travels: as one packet ("datagram") or, being large, as a short "stream".

        Raises:
            DatagramTooLarge, NoCapacity, ParentGone, SessionClosed.
        """
        done = self._branch.send_datagram(as_bytes(data), lifetime)
        return await done if isinstance(done, Operation) else done

    async def send_message(self, data: Buffer) -> DatagramForm:
        """Sends a datagram that is sent again if it is lost. The order is not kept.

        Raises:
            As `send_datagram`.
        """
        done = self._branch.send_message(as_bytes(data))
        return await done if isinstance(done, Operation) else done

    async def send_tracked_datagram(
        self, data: Buffer, *, lifetime: float | None = None
    ) -> Delivery:
        """`send_datagram`, and tells what becomes of it: await the Delivery. Errors alike."""
        done = self._branch.send_tracked_datagram(as_bytes(data), lifetime)
        return Delivery(await done if isinstance(done, Operation) else done)

    async def send_tracked_message(self, data: Buffer) -> Delivery:
        """`send_message`, and tells what becomes of it: await the Delivery. Errors alike."""
        done = self._branch.send_tracked_message(as_bytes(data))
        return Delivery(await done if isinstance(done, Operation) else done)

    async def recv_datagram(self) -> bytes:
        """The next datagram that arrived for this place in the tree.

        Raises:
            ParentGone, SessionClosed.
        """
        done = self._branch.recv_datagram()
        return await done if isinstance(done, Operation) else done

    async def datagrams(self) -> AsyncIterator[bytes]:
        """Datagrams as they come, until no more can."""
        while True:
            try:
                done = self._branch.recv_datagram()
                datagram = await done if isinstance(done, Operation) else done
            except (ParentGone, SessionClosed):
                return
            yield datagram


class Delivery(DeliveryBase):
    """A datagram under way. `await delivery` is `await delivery.outcome()`."""

    async def outcome(self) -> DatagramOutcome:
        """What became of it: once known, always the same. May be cancelled and asked again.

        Returns one of:
            "acknowledged": the peer's host has it. Whether its program reads it is another matter.
            "lost": the packet it was in is given up, and it is not sent again. It may have arrived.
            "expired": its lifetime ended before it left, or, of a "stream", before all of it was
                acknowledged.
            "refused": the peer did not want it.
            "discarded": it was dropped here before it left: the stream it belongs to ended.
            "unknown": the session ended first, or too many others were tracked.
        """
        done = self._raw.outcome()
        return await done if isinstance(done, Operation) else done

    def __await__(self) -> Generator[Any, None, DatagramOutcome]:
        return self.outcome().__await__()


class Stream(Branch, StreamBase):
    """A stream: bytes in order, both ways, with marks between records for those who want them;
    and children of its own.

    As an `async with` block, its end finishes the stream and waits until everything written is
    delivered; an exception resets it. `async for chunk in stream` reads to the end.

    Any method may be cancelled. Reads then have taken nothing. Of a `write`, what was taken is
    delivered, and `bytes_written` tells how much that was.
    """

    async def read(self, max_bytes: int = 65_536) -> bytes:
        """What has arrived, at least one byte and at most `max_bytes` (up to 1 MiB); b"" at the
        end. Marks of records are passed over.

        Raises:
            StreamReset, StreamEnded, SessionClosed.
        """
        done = self._raw.read(max_bytes)
        return await done if isinstance(done, Operation) else done

    async def readinto(self, buffer: bytearray | memoryview) -> int:
        """Reads into `buffer` and returns how many bytes; 0 at the end. Errors as `read`."""
        done = self._raw.read(memoryview(buffer).nbytes)
        return fill(buffer, await done if isinstance(done, Operation) else done)

    async def read_record(self, max_bytes: int = 1 << 20) -> bytes | None:
        """The bytes up to the next mark; None at the end.

        Raises:
            RecordTooLong: it has more than `max_bytes`; a higher limit reads it.
            UnfinishedRecord: the stream ended inside it; `read` gives its bytes.
            StreamReset, StreamEnded, SessionClosed.
        """
        done = self._raw.read_record(max_bytes)
        return await done if isinstance(done, Operation) else done

    async def records(self, max_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
        """Records up to the end. Errors as `read_record`."""
        while True:
            done = self._raw.read_record(max_bytes)
            record = await done if isinstance(done, Operation) else done
            if record is None:
                return
            yield record

    async def write(self, data: Buffer) -> None:
        """Writes all of `data`. Waits while the peer, or the network, takes no more.

        Raises:
            StreamStopped, StreamFinished, StreamExpired, StreamEnded, SessionClosed.
        """
        done = self._raw.write(as_bytes(data), True)
        if isinstance(done, Operation):
            await done

    async def write_some(self, data: Buffer) -> int:
        """Writes as much of `data` as is taken at once, at least one byte, and returns how much.
        If cancelled, it has written nothing. Errors as `write`."""
        done = self._raw.write(as_bytes(data), False)
        return await done if isinstance(done, Operation) else done

    async def write_record(self, record: Buffer) -> None:
        """Writes `record` and a mark after it.

        If it is cancelled after part of a long record was taken, only `reset` can follow, so that
        no torn record ever passes for a whole one.

        Raises:
            RecordTorn: an earlier record was left half written.
            As `write`.
        """
        done = self._raw.write_record(as_bytes(record))
        if isinstance(done, Operation):
            await done

    async def finish(self) -> None:
        """Ends this direction and waits until the peer has everything.

        Raises:
            StreamStopped, StreamExpired, StreamEnded, RecordTorn, SessionClosed.
        """
        done = self._raw.finish()
        if isinstance(done, Operation):
            await done

    async def start_finish(self) -> None:
        """Ends this direction without waiting. What was written will be delivered as long as the
        session lasts. Errors as `finish`."""
        done = self._raw.start_finish()
        if isinstance(done, Operation):
            await done

    async def aclose(self) -> None:
        """Finishes, waits until everything written is delivered, and lets go of the stream.

        A peer that stops reading after it has everything that was written is no error.
        """
        try:
            done = self._raw.finish()
            if isinstance(done, Operation):
                await done
        except StreamStopped:
            if not self._is_all_acked():
                raise
        finally:
            self._raw.release()

    async def send(self, item: Buffer) -> None:
        """`write`, by the name it has in anyio."""
        done = self._raw.write(as_bytes(item), True)
        if isinstance(done, Operation):
            await done

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """`read`, by the name and with the habit it has in anyio: raises EndOfStream at the
        end."""
        done = self._raw.read(max_bytes)
        data = await done if isinstance(done, Operation) else done
        if not data:
            raise EndOfStream("the stream has ended")
        return data

    async def send_eof(self) -> None:
        """`start_finish`, by the name it has in anyio."""
        done = self._raw.start_finish()
        if isinstance(done, Operation):
            await done

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        done = self._raw.read(1 << 18)
        data = await done if isinstance(done, Operation) else done
        if not data:
            raise StopAsyncIteration
        return data

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self.aclose()
        else:
            self._raw.release()


class Listener:
    """Accepts the children a peer opens under one stream: `async for child in listener`."""

    def __init__(self, raw: _sst.Listener) -> None:
        self._raw = raw

    async def accept(self) -> Stream | None:
        """The next child; None when the session or the parent has ended."""
        done = self._raw.accept()
        child = await done if isinstance(done, Operation) else done
        return None if child is None else Stream(child)

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Stream:
        done = self._raw.accept()
        child = await done if isinstance(done, Operation) else done
        if child is None:
            raise StopAsyncIteration
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
    """Requests for the services offered in one session: `async for request in listener`."""

    def __init__(self, raw: _sst.ServiceListener) -> None:
        self._raw = raw

    async def accept(self) -> ServiceRequest | None:
        """The next request; None when the session has ended."""
        request = await self._raw.accept()
        return None if request is None else ServiceRequest(request)

    def __aiter__(self) -> ServiceListener:
        return self

    async def __anext__(self) -> ServiceRequest:
        request = await self._raw.accept()
        if request is None:
            raise StopAsyncIteration
        return ServiceRequest(request)


class Session(Branch, SessionBase):
    """A session with a peer whose identity is proved, and the root of its tree of streams.

    As an `async with` block, its end closes the session after everything finished is delivered;
    an exception aborts it with code 1.
    """

    async def close(self, code: int = 0, reason: str = "") -> SessionClosed:
        """Delivers what was written and finished, then ends the session and tells the peer `code`
        and `reason` (128 bytes of it). Returns why the session ended, which may be another cause.
        """
        return await self._raw.close(code, reason)

    async def crowded(self) -> None:
        """Waits until the session is crowded: its peer has something to send, and what nobody
        reads has used up the endpoint's `session_budget`. `largest_unread` then names the streams
        that hold it; to read them, or to `stop` them, lets the others go on. Told once each time.

        Raises:
            SessionClosed.
        """
        await self._raw.crowded()

    async def closed(self) -> SessionClosed:
        """Waits for the end of the session, whoever ends it, and returns why."""
        return await self._raw.closed()

    async def open_service(self, service: str, protocol: str) -> Stream:
        """A stream to a service of the peer. It is usable at once; a refusal shows in reads, as
        ServiceUnknown, ProtocolUnknown or ServiceRefused.

        Raises:
            ServiceError, NoCapacity, SessionClosed.
        """
        return Stream(await self._raw.open_service(service, protocol))

    async def list_services(self) -> list[Offer]:
        """What services the peer offers."""
        return [Offer(*words) for words in await self._raw.list_services()]

    def offer_services(self, offers: Iterable[Offer]) -> ServiceListener:
        """Offers services to the peer of this session."""
        words = [(offer.service, offer.protocol, offer.description) for offer in offers]
        return ServiceListener(self._raw.offer_services(words))

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._raw.close(0, "")
        else:
            self._raw.abort(1, "an exception ended the session")


class Endpoint(EndpointBase):
    __doc__ = EndpointBase.__doc__

    async def start(self) -> Endpoint:
        """Binds the sockets. `async with` does it, and `close` at its end.

        Raises:
            AddressInUse, BindError.
        """
        if self._raw is None:
            self._raw = remember(await _sst.bind(self._identity, self._settings))
        return self

    async def connect(self, url: str) -> Session:
        """A session with the host a URL names; looks up its address first.

        An endpoint that only dials has a session of its own from each call. One that accepts has
        one session with each peer, whoever began it, and the call finds it: whoever closes that
        session closes it for all who hold it. The endpoint's `instance` says otherwise.

        Raises:
            InvalidUrl, AddressUnknown, NoAnswer, ConnectionRefused, IdentityRefused, NoCapacity,
            EndpointClosed.
        """
        return self._session(await self._started().connect(url))

    async def connect_to(
        self, address: str, id: str | None = None, *, instance: str | None = None
    ) -> Session:
        """A session with the host `id` at `address` (ADDRESS:PORT); without an id, with whoever
        answers there: ask for `peer_id` afterwards. `instance` as for the endpoint, for this
        call. Errors as `connect`."""
        return self._session(await self._started().connect_to(id, address, instance))

    async def accept(self) -> Session | None:
        """The next session a peer started; None once the endpoint is closed."""
        session = await self._started().accept()
        return None if session is None else self._session(session)

    async def close(self) -> None:
        """Ends every session in an orderly way, for at most five seconds, then the endpoint."""
        raw = self._raw
        if raw is not None:
            await raw.close()

    def _session(self, raw: _sst.Session) -> Session:
        session = Session(raw)
        self._sessions.add(session)
        return session

    def __aiter__(self) -> Endpoint:
        return self

    async def __anext__(self) -> Session:
        session = await self.accept()
        if session is None:
            raise StopAsyncIteration
        return session

    async def __aenter__(self) -> Endpoint:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abort_sessions()
        await self.close()


__all__ = [
    "Branch",
    "Endpoint",
    "Listener",
    "ServiceListener",
    "ServiceRequest",
    "Session",
    "Stream",
]
