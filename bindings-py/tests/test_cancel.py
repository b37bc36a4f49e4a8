"""Cancelling any wait loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

import sst
from conftest import pair, run

SIZE = 6_000_000


async def cancelled(work, rng: random.Random):
    """Starts `work()`, and cancels it after a moment or lets it be. (done, result)."""
    task = asyncio.ensure_future(work())
    turns = rng.choice((0, 0, 1, 2, 3, 10, 50))
    for _ in range(turns):
        await asyncio.sleep(0)
        if task.done():
            break
    if not task.done() and rng.random() < 0.3:
        await asyncio.wait([task], timeout=rng.random() * 0.003)
    task.cancel()
    try:
        return True, await task
    except asyncio.CancelledError:
        return False, None


async def write_all(stream: sst.Stream, data: bytes, rng: random.Random) -> None:
    while stream.bytes_written < len(data):
        rest = data[stream.bytes_written :]
        size = rng.choice((1, 1_000, 100_000, 4_000_000))
        write = rng.choice((stream.write, stream.write_some))
        await cancelled(partial(write, rest[:size]), rng)
    await stream.finish()


async def read_all(stream: sst.Stream, rng: random.Random) -> bytes:
    received = bytearray()
    while True:
        size = rng.choice((1, 10_000, 100_000, 1_000_000))
        _, data = await cancelled(partial(stream.read, size), rng)
        if data == b"":
            return bytes(received)
        received += data or b""


async def cancel_both(writer: sst.Stream, reader: sst.Stream, data: bytes) -> None:
    """Cancels one wait of each kind that cannot have ended, however fast or busy the machine is: a
    read before anything is written, and a write of more than is held for a reader that rests."""
    for work in (reader.read(), writer.write(data)):
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("seed", range(4))
def test_no_byte_is_lost_or_doubled(seed):
    rng = random.Random(seed)
    much = rng.randbytes(SIZE) * 10

    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            child = await theirs.listen().accept()
            await cancel_both(stream, child, much)
            data = much[: stream.bytes_written + SIZE]
            _, received = await asyncio.gather(write_all(stream, data, rng), read_all(child, rng))
            assert received == data

    run(main())


def test_no_record_datagram_child_or_session_is_lost_or_doubled():
    rng = random.Random(5)
    count = 300

    async def take(work) -> list:
        taken = []
        while len(taken) < count:
            done, thing = await cancelled(work, rng)
            if done:
                taken.append(thing)
        return taken

    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            child = await theirs.listen().accept()

            async def send():
                for number in range(count):
                    await stream.write_record(b"%d" % number)
                    await mine.send_message(b"%d" % number)
                    async with await mine.open_substream() as opened:
                        await opened.write(b"%d" % number)

            sending = asyncio.create_task(send())
            listener = theirs.listen()
            records, datagrams, children = await asyncio.gather(
                take(child.read_record), take(theirs.recv_datagram), take(listener.accept)
            )
            await sending
            expected = [b"%d" % number for number in range(count)]
            assert records == expected
            assert sorted(datagrams, key=int) == expected
            assert [await child.read() for child in children] == expected

    run(main())


def test_a_cancelled_open_leaves_no_stream():
    async def main():
        async with pair() as (mine, theirs):
            opened = [await mine.open_substream() for _ in range(64)]
            waiting = asyncio.create_task(mine.open_substream())
            await asyncio.sleep(0.05)
            assert not waiting.done(), "the peer has not allowed more"
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert theirs.info is not None and len(opened) == 64

    run(main())


def test_timeouts_of_asyncio():
    async def main():
        async with pair() as (mine, theirs):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(mine.recv_datagram(), 0.05)
            await theirs.send_message(b"later")
            assert await mine.recv_datagram() == b"later"

    run(main())


def test_a_torn_record_is_never_continued():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            child = await theirs.listen().accept()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.write_record(bytes(80_000_000)), 0.1)
            with pytest.raises(sst.RecordTorn):
                await stream.write_record(b"next")
            stream.reset(1)
            with pytest.raises(sst.StreamReset):
                await child.read_record(100_000_000)

    run(main())
