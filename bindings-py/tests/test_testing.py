"""The network in memory: time, losses, repetition, and what goes wrong."""

from __future__ import annotations

import asyncio
import time

import pytest

import sst
import sst.testing
from conftest import echo


async def talk(network: sst.testing.Network, count: int = 20) -> None:
    """Records, datagrams, children and a close between three hosts."""

    async def serve(session: sst.Session) -> None:
        async for child in session.listen():
            async with child:
                await echo(child)

    async with (
        network.endpoint("server", accept=True) as server,
        network.endpoint("one") as one,
        network.endpoint("two") as two,
    ):

        async def accept() -> None:
            async for session in server:
                tasks.append(asyncio.create_task(serve(session)))

        tasks = [asyncio.create_task(accept())]
        for client in (one, two):
            async with await client.connect(server.url()) as session:
                async with await session.open_substream() as stream:
                    for number in range(count):
                        record = bytes([number]) * 500 * number
                        await stream.write_record(record)
                        assert await stream.read_record() == record
        for task in tasks:
            task.cancel()


def test_time_passes_without_waiting():
    async def main(network: sst.testing.Network) -> float:
        started, loop = time.monotonic(), asyncio.get_running_loop()
        await asyncio.sleep(3_000)
        assert loop.time() == pytest.approx(3_000) and network.time == pytest.approx(3_000)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 100.5)
        assert network.time == pytest.approx(3_100.5)
        return time.monotonic() - started

    assert sst.testing.run(main) < 310, "a tenth of the time that passed"


def test_a_round_trip_takes_the_links_delay():
    async def main(network: sst.testing.Network) -> None:
        async with network.endpoint(accept=True) as a, network.endpoint() as b:
            session = await b.connect(a.url())
            assert network.time == pytest.approx(0.2)
            theirs = await a.accept()
            # The caller's last word of the negotiation waits 2 ms for something to say with it.
            assert network.time == pytest.approx(0.302)
            await session.send_datagram(b"x")
            assert await theirs.recv_datagram() == b"x"
            assert network.time == pytest.approx(0.402)
            assert session.stats().min_rtt == pytest.approx(0.2, abs=0.03)

    sst.testing.run(main, delay=0.1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"loss": 0.2, "jitter": 0.02, "duplicate": 0.1, "reorder": 0.1}, {"rate": 500_000}],
    ids=["clean", "bad", "slow"],
)
def test_the_same_seed_gives_the_same_run_to_the_byte(settings):
    def play(seed: int) -> tuple[str, list[sst.testing.Packet]]:
        network = sst.testing.Network(seed, record=True, **settings)
        network.run(talk(network))
        return network.digest, network.packets

    first, packets = play(1)
    again, packets_again = play(1)
    assert packets == packets_again and first == again
    assert play(2)[0] != first
    if "loss" in settings:
        fates = {packet.fate for packet in packets}
        assert {"sent", "lost"} <= fates


@sst.testing.simulated(seeds=range(20), loss=0.3, jitter=0.05)
async def test_everything_arrives_over_a_bad_network(network):
    await talk(network, count=8)


@sst.testing.simulated()
async def test_a_silent_peer_ends_the_session(network):
    async with network.endpoint(accept=True) as a, network.endpoint(idle_timeout=10.0) as b:
        session = await b.connect(a.url())
        network.filter = lambda packet: packet.source != a.name
        began = network.time
        await session.send_message(b"anyone?")
        assert isinstance(await session.closed(), sst.SessionTimedOut)
        assert network.time - began == pytest.approx(10.0, abs=3.0)
        network.filter = None


@sst.testing.simulated(record=True)
async def test_a_session_survives_a_new_address(network):
    async with network.endpoint("a", accept=True) as a, network.endpoint("b") as b:
        session = await b.connect(a.url())
        theirs = await a.accept()
        before = theirs.peer_address
        await b.move()
        await session.send_message(b"still here")
        assert await theirs.recv_datagram() == b"still here"
        await asyncio.sleep(1)
        assert theirs.peer_address != before


@sst.testing.simulated()
async def test_links_differ(network):
    async with (
        network.endpoint(accept=True) as server,
        network.endpoint() as near,
        network.endpoint() as far,
    ):
        network.set_link(server, far, delay=0.5)
        await near.connect(server.url())
        assert network.time == pytest.approx(0.02)
        await far.connect(server.url())
        assert network.time == pytest.approx(1.02)


def test_a_deadlock_is_told_with_who_waits():
    async def main(network: sst.testing.Network) -> None:
        await asyncio.Event().wait()

    with pytest.raises(sst.testing.Deadlock, match="test_testing.py"):
        sst.testing.run(main)


def test_a_run_without_end_is_ended():
    async def main(network: sst.testing.Network) -> None:
        while True:
            await asyncio.sleep(10)

    with pytest.raises(sst.testing.TimeLimit) as caught:
        sst.testing.run(main, time_limit=1_000)
    said = str(caught.value)
    assert "time_limit=1000 seconds" in said and "test_testing.py" in said
    assert "nothing is left" not in said


# As the README says it.
@sst.testing.simulated()
async def test_an_hour_takes_no_time(network):
    async with network.endpoint(accept=True) as server, network.endpoint() as client:
        await client.connect(server.url())
        await asyncio.sleep(3600)
        assert network.time > 3600


@pytest.mark.parametrize(
    "idle_timeout, error",
    [(30.0, sst.SessionTimedOut), (None, sst.testing.Deadlock)],
)
def test_both_ends_wait_for_the_other(idle_timeout, error):
    async def main(network: sst.testing.Network) -> None:
        settings = {"idle_timeout": idle_timeout}
        async with (
            network.endpoint(accept=True, **settings) as server,
            network.endpoint(**settings) as client,
        ):
            session = await client.connect(server.url())
            theirs = await server.accept()
            stream = await session.open_substream()
            await stream.write(b"?")
            child = await theirs.listen().accept()
            await child.read()
            await asyncio.gather(stream.read(), child.read())

    with pytest.raises(error):
        sst.testing.run(main)


def test_a_failure_tells_its_seed():
    @sst.testing.simulated(seeds=[3, 4])
    async def fails(network: sst.testing.Network) -> None:
        assert network.seed != 4

    with pytest.raises(AssertionError) as caught:
        fails()
    if hasattr(caught.value, "__notes__"):
        assert "seed 4" in caught.value.__notes__[0]


@pytest.mark.sst_network(loss=0.05, seed=9)
def test_the_fixture(sst_network):
    assert (sst_network.seed, sst_network.link.loss) == (9, 0.05)
    sst_network.run(talk(sst_network, count=3))


def test_threads_may_be_waited_for():
    async def main(network: sst.testing.Network) -> None:
        assert await asyncio.to_thread(lambda: time.sleep(0.05) or 7) == 7

    sst.testing.run(main)


@sst.testing.simulated()
async def test_what_became_of_a_datagram_is_told_in_time(network):
    async with network.endpoint(accept=True) as a, network.endpoint() as b:
        session = await b.connect(a.url())
        theirs = await a.accept()
        await asyncio.sleep(1)
        network.filter = lambda packet: packet.source != b.name
        lost = await session.send_tracked_datagram(b"into nothing")
        await asyncio.sleep(0.001)
        network.filter = None
        sent = await session.send_tracked_datagram(b"arrives")
        assert [await lost, await sent] == ["lost", "acknowledged"]
        assert await theirs.recv_datagram() == b"arrives"
