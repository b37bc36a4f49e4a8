"""A stream for code that is written for anyio (on asyncio): `sst.anyio.ByteStream(stream)`."""

from __future__ import annotations

import anyio
import anyio.abc

from . import EndOfStream, SessionClosed, Stream, StreamError


class ByteStream(anyio.abc.ByteStream):
    """An `sst.Stream` as anyio's ByteStream, with anyio's exceptions."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    async def send(self, item: bytes) -> None:
        try:
            await self.stream.send(item)
        except (StreamError, SessionClosed) as error:
            raise anyio.BrokenResourceError from error

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        try:
            return await self.stream.receive(max_bytes)
        except EndOfStream:
            raise anyio.EndOfStream from None
        except (StreamError, SessionClosed) as error:
            raise anyio.BrokenResourceError from error

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def aclose(self) -> None:
        await self.stream.aclose()
