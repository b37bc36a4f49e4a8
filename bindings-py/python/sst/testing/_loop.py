"""The event loop in which a network's time passes: it never sleeps, it moves the clock."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import FileDescriptorLike

from .._errors import Error
from ._network import SECOND, Network

_T = TypeVar("_T")

#: How long the real world (a thread, a pipe) may take when nothing else is left, in seconds.
_REAL_PATIENCE = 5.0


class Deadlock(Error):
    """Every task waits, and nothing is left that could happen: no packet, no timer."""


class TimeLimit(Error):
    """The network's time went past its `time_limit`."""


def run(network: Network, main: Coroutine[Any, Any, _T]) -> _T:
    """See `Network.run`."""
    loop = _Loop(network)
    try:
        return loop.run_until_complete(main)
    finally:
        try:
            _cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, network: Network) -> None:
        self._network = network
        super().__init__(_Selector(self, network))
        self._clock_resolution = 1 / SECOND

    def time(self) -> float:
        return self._network.time


class _Selector(selectors.BaseSelector):
    """A real selector, for descriptors, behind one that makes time pass."""

    def __init__(self, loop: _Loop, network: Network) -> None:
        self._loop = loop
        self._network = network
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        network = self._network
        until = None
        if timeout is not None:
            until = network._clock.now + max(0, -int(-timeout * SECOND // 1))
        while True:
            network.carry()
            if events := self._real.select(0):
                return events
            if until is not None and until <= network._clock.now:
                return []
            next_at = network.next_at()
            if next_at is None or (until is not None and until < next_at):
                next_at = until
            if next_at is None:
                if self._waits_for_threads() and (events := self._real.select(_REAL_PATIENCE)):
                    return events
                raise Deadlock(self._describe("nothing is left that could happen"))
            if next_at > network.time_limit * SECOND:
                limit, network.time_limit = network.time_limit, float("inf")  # It ends now.
                raise TimeLimit(
                    self._describe(f"more than time_limit={limit:g} seconds of the network's time")
                )
            network.advance_to(max(next_at, network._clock.now))

    def _waits_for_threads(self) -> bool:
        return getattr(self._loop, "_default_executor", None) is not None

    def _describe(self, why: str) -> str:
        lines = [f"{why}; these tasks wait:"]
        for task in asyncio.all_tasks(self._loop):
            where = "".join(
                f"\n    {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
                for frame in task.get_stack(limit=1)
            )
            lines.append(f"  {task.get_name()}{where}")
        return "\n".join(lines)

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._real.get_map()


def _cancel_all(loop: _Loop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler(
                {"message": "a task failed while it was cancelled", "exception": error}
            )
