"""Streams in the hands of anyio."""

from __future__ import annotations

import anyio
import anyio.streams.buffered
import pytest
from anyio.abc import ByteStream as Abstract

import sst.testing
from sst.anyio import ByteStream


@sst.testing.simulated()
async def test_a_stream_is_a_byte_stream(network):
    async with network.endpoint(accept=True) as server, network.endpoint() as client:
        session = await client.connect(server.url())
        stream = ByteStream(await session.open_substream())
        served = await (await server.accept()).listen().accept()
        assert isinstance(stream, Abstract)
        await stream.send(b"line one\nline two")
        await stream.send_eof()
        lines = anyio.streams.buffered.BufferedByteReceiveStream(ByteStream(served))
        assert await lines.receive_until(b"\n", 100) == b"line one"
        assert await lines.receive_exactly(8) == b"line two"
        with pytest.raises(anyio.EndOfStream):
            await lines.receive()
        served.reset(1)
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()
        with pytest.raises(TimeoutError), anyio.fail_after(10):
            await ByteStream(await session.open_substream()).receive()
