"""How to test a protocol of your own: a counter that a server keeps, over a network that loses a
fifth of all packets, in a hundred runs that differ. It takes a second or two, and no sockets.

    python -m pytest bindings-py/examples/test_own_protocol.py
"""

import asyncio

import pytest

import sst
import sst.testing


class Counter:
    """The protocol: every record is a number to add; the answer is the sum."""

    def __init__(self) -> None:
        self.sum = 0

    async def serve(self, stream: sst.Stream) -> None:
        async with stream:
            async for record in stream.records(max_bytes=20):
                self.sum += int(record)
                await stream.write_record(b"%d" % self.sum)


async def add(stream: sst.Stream, number: int) -> int:
    await stream.write_record(b"%d" % number)
    answer = await stream.read_record()
    assert answer is not None
    return int(answer)


@sst.testing.simulated(seeds=range(100), loss=0.2, delay=0.03)
async def test_the_sum_is_right_over_a_bad_network(network):
    async with network.endpoint("server", accept=True) as server, network.endpoint() as client:
        session, served = await asyncio.gather(client.connect(server.url()), server.accept())
        stream = await session.open_substream()
        child = await served.listen().accept()
        serving = asyncio.create_task(Counter().serve(child))
        assert [await add(stream, number) for number in (1, 2, 39)] == [1, 3, 42]
        await stream.aclose()
        await serving


@sst.testing.simulated()
async def test_a_peer_that_falls_silent_is_noticed(network):
    async with (
        network.endpoint("server", accept=True) as server,
        network.endpoint("client", idle_timeout=20) as client,
    ):
        session, _ = await asyncio.gather(client.connect(server.url()), server.accept())
        stream = await session.open_substream()
        network.filter = lambda packet: False
        with pytest.raises(sst.SessionTimedOut):
            await add(stream, 1)
        assert 15 < network.time < 25  # of the network's time; of ours, milliseconds
        network.filter = None
