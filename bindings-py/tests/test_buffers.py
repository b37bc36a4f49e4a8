"""What may be written, and read into."""

from __future__ import annotations

import array

import pytest

import sst
from conftest import echo, pair, run, served


async def copy(stream: sst.Stream) -> None:
    async for chunk in stream:
        await stream.write(chunk)


def test_bytes_bytearrays_and_memoryviews():
    async def main():
        async with served(copy) as session, await session.open_substream() as stream:
            numbers = array.array("H", range(4))
            for data in (b"bytes", bytearray(b"array"), memoryview(b"a view")[2:], numbers):
                await stream.write(data)
                expected = bytes(memoryview(data).cast("B"))
                assert await stream.read() == expected
            assert await stream.write_some(b"some") == 4
            assert await stream.write_some(b"") == 0
            await stream.write(b"")

    run(main())


def test_a_bytearray_may_change_once_the_call_was_made():
    async def main():
        async with served(copy) as session, await session.open_substream() as stream:
            data = bytearray(b"before")  # Taken, or copied, in the call.
            writing = stream._raw.write(data, True)
            data[:] = b"after!"
            assert writing == 6, "there is room for it"
            assert await stream.read() == b"before"

    run(main())


def test_gaps_and_texts_are_refused():
    async def main():
        async with served(echo) as session, await session.open_substream() as stream:
            for write in (stream.write, stream.write_record, stream.send_datagram, stream.send):
                with pytest.raises(BufferError):
                    await write(memoryview(b"every second")[::2])
                with pytest.raises(TypeError):
                    await write("text")
                with pytest.raises(TypeError):
                    await write(None)

    run(main())


def test_readinto_fills_from_the_front():
    async def main():
        async with served(copy) as session, await session.open_substream() as stream:
            await stream.write(b"0123456789")
            buffer = bytearray(b"...." * 4)
            count = 0
            while count < 10:
                count += await stream.readinto(memoryview(buffer)[count:])
            assert buffer == b"0123456789......"
            small = bytearray(2)
            await stream.write(b"abc")
            assert await stream.readinto(small) == 2 and small == b"ab"
            assert await stream.read(5) == b"c"
            await stream.start_finish()
            assert await stream.readinto(small) == 0
            with pytest.raises(TypeError):
                await stream.readinto(b"constant")

    run(main())


def test_record_limits():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            await stream.write_record(b"0123456789")
            child = await theirs.listen().accept()
            with pytest.raises(sst.RecordTooLong) as caught:
                await child.read_record(max_bytes=9)
            assert caught.value.limit == 9
            assert await child.read_record(max_bytes=10) == b"0123456789"

    run(main())
