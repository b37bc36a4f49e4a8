"""Two hosts on this machine, with real sockets, for the tests that want them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import sst

#: No test takes longer, on the busiest machine, or it hangs.
PATIENCE = 200.0


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Runs `main` in an event loop of its own, not for ever."""

    async def bounded() -> Any:
        return await asyncio.wait_for(main, PATIENCE)

    return asyncio.run(bounded())


def is_ever_within(limit: float, measure: Callable[[], float]) -> bool:
    """Whether `measure()` is ever less than `limit` seconds: a busy machine only adds to what
    something takes, and not the same each time."""
    return any(measure() < limit for _ in range(20))


@asynccontextmanager
async def pair(**settings: Any) -> AsyncIterator[tuple[sst.Session, sst.Session]]:
    """A session from both ends: the one that called, and the one that answered."""
    async with (
        sst.Endpoint("127.0.0.1:0", accept=True, **settings) as there,
        sst.Endpoint("127.0.0.1:0") as here,
    ):
        mine, theirs = await asyncio.gather(here.connect(there.url()), there.accept())
        assert theirs is not None
        yield mine, theirs


@asynccontextmanager
async def served(
    serve: Callable[[sst.Stream], Awaitable[None]],
) -> AsyncIterator[sst.Session]:
    """A session whose other end serves each child with `serve`."""

    async def listen(session: sst.Session) -> None:
        async for child in session.listen(64):
            tasks.add(asyncio.create_task(one(child)))

    async def one(child: sst.Stream) -> None:
        async with child:
            await serve(child)

    tasks: set[asyncio.Task[None]] = set()
    async with pair() as (mine, theirs):
        listening = asyncio.create_task(listen(theirs))
        yield mine
        for task in (listening, *tasks):
            task.cancel()
        await asyncio.gather(listening, *tasks, return_exceptions=True)


async def echo(stream: sst.Stream) -> None:
    """Says every record again."""
    async for record in stream.records():
        await stream.write_record(record)
