"""Talks to a board: says something to its `echo`, switches its light, listens to its sensor.

python embedded-demo/talk.py sst://IDENTITY@ADDRESS:8661/

The package `sst` is the wheel that `cargo xtask wheel` makes (see ../bindings-py).
"""

import asyncio
import struct
import sys

import sst

READINGS = 10
PERIOD_MS = 20


async def echo(session: sst.Session) -> None:
    async with await session.open_service("echo", "1") as stream:
        for size in (0, 1, 100, 3000):
            record = bytes(number % 251 for number in range(size))
            await stream.write_record(record)
            assert await stream.read_record() == record, size
        await stream.send_datagram(b"a datagram")
        assert await stream.recv_datagram() == b"a datagram"
    print("echo: four records and a datagram came back")


async def control(session: sst.Session) -> None:
    async with await session.open_service("control", "1") as control:
        async with await control.open_substream() as led:
            await led.write_record(b"led")
            for wish, answer in ((b"on", b"on"), (b"toggle", b"off"), (b"?", b"off")):
                await led.write_record(wish)
                assert await led.read_record() == answer, wish
    print("control: the light went on and off")


async def sensor(session: sst.Session) -> None:
    async with await session.open_service("sensor", "1") as stream:
        children = stream.listen(2)
        await stream.write_record(struct.pack(">II", PERIOD_MS, READINGS))
        for _ in range(2):
            child = await anext(aiter(children))
            name = await child.read_record()
            if name == b"log":
                log = b"".join([chunk async for chunk in child])
                assert b"started" in log, log
                print(f"sensor: {len(log)} bytes of the log")
            else:
                assert name == b"readings", name
                print(f"sensor: {await readings(child)} readings")


async def readings(child: sst.Stream) -> int:
    """How many came in time: a reading that is late is worth nothing, and is not sent again."""
    count = 0
    try:
        async with asyncio.timeout(READINGS * PERIOD_MS / 1000 + 1):
            async for datagram in child.datagrams():
                number, _millis, value = struct.unpack(">IIi", datagram)
                assert number < READINGS and 20_000 <= value <= 21_000, (number, value)
                count += 1
                if number == READINGS - 1:
                    break
    except TimeoutError:
        pass
    assert count >= READINGS // 2, count
    return count


async def main(url: str) -> None:
    async with sst.Endpoint() as endpoint:
        async with await endpoint.connect(url) as session:
            await echo(session)
            await control(session)
            await sensor(session)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
