"""The conversations that every face of SST holds alike (docs/SCENARIOS.md), from Python.

python -m sst.scenarios serve            # the responder; prints its URLs
python -m sst.scenarios run sst://...    # the runner
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import sst

from ._sst import SCENARIOS

OFFER = sst.Offer("scenario", "1", "conversations that every face of SST holds alike")

Step = dict[str, Any]
Place: TypeAlias = sst.Session | sst.Stream

_LOOK_AGAIN_AFTER = 0.005
_STEP_TIMEOUT = 20.0
_DATAGRAM_TIMEOUT = 0.5
_DATAGRAM_TRIES = 20
_BACKLOG = 16
_CHUNK = 65_536
_MAX_RECORD = 1 << 20
_UNKNOWN_ORDER = 400


class Failed(Exception):
    """A step saw something else than it should."""


def scenarios() -> list[dict[str, Any]]:
    """All of sst-std/src/scenarios.json."""
    loaded: list[dict[str, Any]] = json.loads(SCENARIOS)
    return loaded


def pattern(seed: int, length: int, start: int = 0) -> bytes:
    """Bytes number `start` and on of the pattern of `seed`."""
    return bytes((31 * i + (i >> 8) + seed) & 255 for i in range(start, start + length))


class Runner:
    """Does what scenarios say on one session and compares what it sees."""

    def __init__(self, session: sst.Session) -> None:
        self._session = session
        self._places: dict[str, Place] = {"session": session}
        self._listeners: dict[str, sst.Listener] = {}

    async def run(self, scenario: dict[str, Any]) -> None:
        """Raises Failed, with the step, if one does not pass."""
        service = await self._session.open_service(OFFER.service, OFFER.protocol)
        self._places = {"session": self._session, "service": service}
        self._listeners.clear()
        try:
            await self._steps(scenario["steps"])
        finally:
            for name in [name for name in self._places if name not in ("session", "service")]:
                self._drop(name)
            if self._session.close_reason is None:
                await service.finish()

    async def _steps(self, steps: list[Step]) -> None:
        for step in steps:
            verb, name = next(iter(step.items()))
            if verb == "repeat":
                for _ in range(name):
                    await self._steps(step["steps"])
                continue
            try:
                await asyncio.wait_for(getattr(self, f"_do_{verb}")(name, step), _STEP_TIMEOUT)
            except asyncio.TimeoutError:
                raise Failed(f"{json.dumps(step)}: took longer than {_STEP_TIMEOUT} s") from None
            except (sst.Error, Failed) as error:
                raise Failed(f"{json.dumps(step)}: {error!r}") from error

    def _stream(self, name: str) -> sst.Stream:
        stream = self._places[name]
        assert isinstance(stream, sst.Stream)
        return stream

    def _drop(self, name: str) -> None:
        stream = self._places.pop(name, None)
        self._listeners.pop(name, None)
        if isinstance(stream, sst.Stream):
            stream.release()

    def _name(self, name: str, stream: sst.Stream) -> None:
        self._drop(name)
        self._places[name] = stream

    async def _do_open(self, name: str, step: Step) -> None:
        lifetime = step.get("lifetime_ms")
        stream = await self._places[step["of"]].open_substream(
            priority=step.get("priority"), lifetime=lifetime and lifetime / 1_000
        )
        self._name(name, stream)

    async def _do_open_service(self, name: str, step: Step) -> None:
        stream = await self._session.open_service(step["service"], step["protocol"])
        self._name(name, stream)

    async def _do_list_services(self, name: str, step: Step) -> None:
        offers = {(offer.service, offer.protocol) for offer in await self._session.list_services()}
        for wanted in step["has"]:
            _check(tuple(wanted) in offers, True)

    async def _do_accept(self, name: str, step: Step) -> None:
        parent = step["of"]
        if parent not in self._listeners:
            self._listeners[parent] = self._places[parent].listen(_BACKLOG)
        child = await self._listeners[parent].accept()
        if child is None:
            raise Failed("no child comes")
        self._name(name, child)

    async def _do_write(self, name: str, step: Step) -> None:
        await self._stream(name).write(_content(step))

    async def _do_write_record(self, name: str, step: Step) -> None:
        await self._stream(name).write_record(_content(step))

    async def _do_read(self, name: str, step: Step) -> None:
        expected, stream, received = _content(step), self._stream(name), bytearray()
        while len(received) < len(expected):
            chunk = await stream.read(len(expected) - len(received))
            if not chunk:
                break
            received += chunk
        _check(bytes(received), expected)

    async def _do_read_record(self, name: str, step: Step) -> None:
        _check(await self._stream(name).read_record(_MAX_RECORD), _content(step))

    async def _do_read_end(self, name: str, step: Step) -> None:
        _check(await self._stream(name).read(1), b"")

    async def _do_holds(self, name: str, step: Step) -> None:
        info = self._stream(name).info
        assert info is not None
        # What a stream holds changes as packets come, which nobody is told of.
        while step["unread"] != sum(
            held.unread for held in self._session.largest_unread(1_024) if held.stream == info.id
        ):
            await asyncio.sleep(_LOOK_AGAIN_AFTER)

    async def _do_too_long(self, name: str, step: Step) -> None:
        reading = self._stream(name).read_record(step["limit"])
        await _fails(lambda: reading, {"kind": "record_too_long"})

    async def _do_unfinished(self, name: str, step: Step) -> None:
        stream = self._stream(name)
        for _ in range(2):
            with contextlib.suppress(sst.UnfinishedRecord):
                raise Failed(f"{await stream.read_record(_MAX_RECORD)!r} is a record")
        await self._do_read(name, step)

    async def _do_finish(self, name: str, step: Step) -> None:
        await self._stream(name).finish()

    async def _do_reset(self, name: str, step: Step) -> None:
        self._stream(name).reset(step["code"])

    async def _do_stop(self, name: str, step: Step) -> None:
        self._stream(name).stop(step["code"])

    async def _do_drop(self, name: str, step: Step) -> None:
        self._drop(name)

    async def _do_set_priority(self, name: str, step: Step) -> None:
        self._places[name].set_priority(step["priority"])
        _check(self._places[name].priority, step["priority"])

    async def _do_read_error(self, name: str, step: Step) -> None:
        async def read() -> None:
            if not await self._stream(name).read(_CHUNK):
                raise Failed("the stream came to its end")

        await _fails(read, step)

    async def _do_write_error(self, name: str, step: Step) -> None:
        piece = pattern(0, _CHUNK)
        await _fails(lambda: self._stream(name).write(piece), step)

    async def _do_datagram(self, name: str, step: Step) -> None:
        for _ in range(_DATAGRAM_TRIES):
            await self._places[name].send_datagram(_content(step))
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(self._arrives(name, step), _DATAGRAM_TIMEOUT)
        raise Failed("it never came back")

    async def _do_outcome(self, name: str, step: Step) -> None:
        place, content = self._places[name], _content(step)
        lifetime = None if "lifetime_ms" not in step else step["lifetime_ms"] / 1_000
        for _ in range(_DATAGRAM_TRIES):
            if step.get("reliable", False):
                delivery = await place.send_tracked_message(content)
            else:
                delivery = await place.send_tracked_datagram(content, lifetime=lifetime)
            outcome = await delivery
            if outcome != "lost":
                return _check(outcome, step["is"])
        raise Failed("it was lost each time")

    async def _do_recv_datagram(self, name: str, step: Step) -> None:
        await self._arrives(name, step)

    async def _arrives(self, name: str, step: Step) -> None:
        while await self._places[name].recv_datagram() != _content(step):
            pass

    async def _do_close(self, name: str, step: Step) -> None:
        await self._session.close(step["code"], step["reason"])

    async def _do_abort(self, name: str, step: Step) -> None:
        self._session.abort(step["code"], step["reason"])

    async def _do_closed(self, name: str, step: Step) -> None:
        closed = await self._session.closed()
        _check(closed.by, step["by"])
        _check(closed.code, step.get("code", closed.code))
        _check(closed.reason, step.get("reason", closed.reason))


_KINDS: dict[str, type[sst.Error]] = {
    "reset": sst.StreamReset,
    "stopped": sst.StreamStopped,
    "finished": sst.StreamFinished,
    "ended": sst.StreamEnded,
    "record_too_long": sst.RecordTooLong,
    "session": sst.SessionClosed,
}


async def _fails(attempt: Callable[[], Awaitable[object]], step: Step) -> None:
    """Attempts again and again until it fails, which must be as the step says."""
    while True:
        try:
            await attempt()
        except _KINDS[step["kind"]] as error:
            return _check(error.code, step.get("code", error.code))


def _content(step: Step) -> bytes:
    if "text" in step:
        return str(step["text"]).encode()
    return pattern(step["pattern"]["seed"], step["pattern"]["len"])


def _check(seen: object, expected: object) -> None:
    if seen != expected:
        raise Failed(f"{_short(seen)} instead of {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:80]}..."


class _Orders:
    """What the responder does with the children of one service stream."""

    def __init__(
        self, session: sst.Session, service: sst.Stream, over: asyncio.Event | None
    ) -> None:
        self._session = session
        self._service = service
        self._over = over

    async def serve(self, parent: sst.Stream) -> None:
        """Serves children until the other direction of `parent` ends."""
        async with _Tasks() as tasks:
            tasks.start(self._accept(parent, tasks))
            with contextlib.suppress(sst.StreamError):
                while await parent.read():
                    pass
            # What children were still doing may need them to be there.
            with contextlib.suppress(sst.Error):
                await parent.finish()

    async def return_datagrams(self) -> None:
        async for datagram in self._service.datagrams():
            with contextlib.suppress(sst.Error):
                await self._service.send_datagram(datagram)

    async def _accept(self, parent: sst.Stream, tasks: _Tasks) -> None:
        async for child in parent.listen(_BACKLOG):
            tasks.start(self._child(child))

    async def _child(self, child: sst.Stream) -> None:
        try:
            order = (await child.read_record(_MAX_RECORD) or b"").decode()
            verb, _, rest = order.partition(" ")
            name = f"_do_{verb}_{rest}" if verb == "echo" else f"_do_{verb}"
            known = getattr(self, name, None)
            if known is None:
                child.reset(_UNKNOWN_ORDER)
                child.stop(_UNKNOWN_ORDER)
            else:
                await known(child, rest)
            await _drain(child)
        except (sst.StreamError, sst.SessionClosed):
            pass
        finally:
            child.release()

    async def _do_echo_bytes(self, child: sst.Stream, rest: str) -> None:
        async for chunk in child:
            await child.write(chunk)
        await child.finish()

    async def _do_echo_records(self, child: sst.Stream, rest: str) -> None:
        try:
            async for record in child.records():
                await child.write_record(record)
        except sst.UnfinishedRecord:
            async for chunk in child:
                await child.write(chunk)
        await child.finish()

    async def _do_send(self, child: sst.Stream, rest: str) -> None:
        length, seed = map(int, rest.split())
        for start in range(0, length, _CHUNK):
            await child.write(pattern(seed, min(_CHUNK, length - start), start))
        await child.finish()

    async def _do_check(self, child: sst.Stream, rest: str) -> None:
        length, seed = map(int, rest.split())
        received = b"".join([chunk async for chunk in child])
        await child.write_record(b"ok" if received == pattern(seed, length) else b"wrong")
        await child.finish()

    async def _do_report(self, child: sst.Stream, rest: str) -> None:
        total = 0
        await child.write_record(b"reporting")
        try:
            async for chunk in child:
                total += len(chunk)
            answer = f"finished {total}"
        except sst.StreamReset as error:
            answer = f"reset {error.code}"
        await child.write_record(answer.encode())
        await child.finish()

    async def _do_flood(self, child: sst.Stream, rest: str) -> None:
        piece = pattern(0, 256 * 256)  # The pattern comes again after as many bytes.
        try:
            while True:
                await child.write(piece)
        except sst.StreamStopped as error:
            await self._service.send_message(f"stopped {error.code}".encode())

    async def _do_reset(self, child: sst.Stream, rest: str) -> None:
        child.reset(int(rest))

    async def _do_stop(self, child: sst.Stream, rest: str) -> None:
        child.stop(int(rest))
        await child.write_record(b"stopped")
        await child.finish()

    async def _do_open(self, child: sst.Stream, rest: str) -> None:
        opened = []
        for number in range(int(rest)):
            stream = await child.open_substream()
            await stream.write_record(f"child {number}".encode())
            await stream.finish()
            opened.append(stream)
        await child.write_record(f"opened {rest}".encode())
        await child.finish()

    async def _do_serve(self, child: sst.Stream, rest: str) -> None:
        await child.write_record(b"serving")
        await self.serve(child)

    async def _do_priority(self, child: sst.Stream, rest: str) -> None:
        child.set_priority(int(rest))
        await child.write_record(f"priority {child.priority}".encode())
        await child.finish()

    async def _do_over(self, child: sst.Stream, rest: str) -> None:
        await child.write_record(b"over")
        with contextlib.suppress(sst.StreamStopped):  # The runner may be gone with the answer.
            await child.start_finish()
        if self._over is not None:
            self._over.set()

    async def _do_close(self, child: sst.Stream, rest: str) -> None:
        code, _, reason = rest.partition(" ")
        await self._session.close(int(code), reason)

    async def _do_abort(self, child: sst.Stream, rest: str) -> None:
        code, _, reason = rest.partition(" ")
        self._session.abort(int(code), reason)


async def respond(session: sst.Session, over: asyncio.Event | None = None) -> None:
    """Plays the responder on `session` until that ends. `over` is set when the runner says so."""
    async with _Tasks() as tasks:
        async for request in session.offer_services([OFFER]):
            tasks.start(_service(session, request.accept(), over))


async def _service(session: sst.Session, service: sst.Stream, over: asyncio.Event | None) -> None:
    orders = _Orders(session, service, over)
    async with _Tasks() as tasks:
        tasks.start(orders.return_datagrams())
        with contextlib.suppress(sst.SessionClosed):
            await orders.serve(service)


async def _drain(stream: sst.Stream) -> None:
    with contextlib.suppress(sst.StreamError):
        while await stream.read(_CHUNK):
            pass


class _Tasks:
    """Tasks that end, at the latest, with the block."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> _Tasks:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(
    session: sst.Session,
    *,
    apart: Callable[[], AbstractAsyncContextManager[sst.Session]] | None = None,
    small: bool = False,
    tell: Callable[[str], None] = print,
) -> int:
    """Runs every scenario; returns how many failed.

    Args:
        apart: makes a session with the same peer for a scenario that ends its session; without
            it those are left out.
        small: leaves out those marked "large".
        tell: is given a line for each.
    """
    failures = 0
    for scenario in scenarios():
        name = scenario["name"]
        is_apart = scenario.get("ends_session", False)
        if (small and scenario.get("large")) or (is_apart and apart is None):
            tell(f"left out {name}")
            continue
        try:
            if is_apart and apart is not None:
                async with apart() as own:
                    await Runner(own).run(scenario)
            else:
                await Runner(session).run(scenario)
            tell(f"ok       {name}")
        except (Failed, sst.Error) as error:
            failures += 1
            tell(f"FAILED   {name}: {error}")
    return failures


async def say_over(session: sst.Session) -> None:
    """Tells the responder that nothing more is run on this session, which it then may close."""
    service = await session.open_service(OFFER.service, OFFER.protocol)
    with contextlib.suppress(sst.SessionClosed):
        child = await service.open_substream()
        await child.write_record(b"over")
        _check(await child.read_record(), b"over")
        await child.finish()
        await service.finish()


async def _run(arguments: argparse.Namespace) -> int:
    @asynccontextmanager
    async def apart() -> AsyncIterator[sst.Session]:
        # As somebody else: two hosts have one session.
        async with sst.Endpoint(arguments.bind) as other:
            yield await other.connect(arguments.url)

    async with sst.Endpoint(arguments.bind) as endpoint, _Tasks() as tasks:
        session = await endpoint.connect(arguments.url)
        if arguments.responds:
            tasks.start(respond(session))
        failures = await run(session, apart=apart, small=arguments.small)
        if arguments.responds:
            await say_over(session)
            await session.closed()
    return min(failures, 1)


async def _serve(arguments: argparse.Namespace) -> int:
    first: asyncio.Future[sst.Session] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def accept(tasks: _Tasks) -> None:
        async for session in endpoint:
            tasks.start(respond(session, over))
            if not first.done():
                first.set_result(session)

    async with sst.Endpoint(arguments.bind, accept=True) as endpoint, _Tasks() as tasks:
        for address in endpoint.addresses:
            print(endpoint.url(address=address), flush=True)
        if not arguments.run:
            await accept(tasks)
            return 0
        tasks.start(accept(tasks))
        return await _run_accepted(await first, over, arguments)


async def _run_accepted(
    session: sst.Session, over: asyncio.Event, arguments: argparse.Namespace
) -> int:
    failures = await run(session, small=arguments.small)
    ends = [asyncio.ensure_future(session.closed()), asyncio.ensure_future(over.wait())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    await session.close(0, "the scenarios are over")
    return min(failures, 1)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sst.scenarios", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run the scenarios with a host that serves them")
    runner.add_argument("url", metavar="sst://ID@ADDRESS:PORT/")
    runner.add_argument("--responds", action="store_true", help="be the responder, too")
    server = commands.add_parser("serve", help="do what peers order")
    server.add_argument("--run", action="store_true", help="run them, too, on the first session")
    for command in (runner, server):
        command.add_argument("--small", action="store_true", help="leave out what is marked large")
        command.add_argument("--bind", default="127.0.0.1:0", metavar="ADDRESS:PORT")
    try:
        arguments = parser.parse_args()
        return asyncio.run((_run if arguments.command == "run" else _serve)(arguments))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
