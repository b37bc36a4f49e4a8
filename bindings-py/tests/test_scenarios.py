"""The shared scenarios, from Python to Python: over sockets, and in memory with losses."""

from __future__ import annotations

import asyncio

import pytest

import sst
import sst.testing
from conftest import run
from sst import scenarios


async def play(server: sst.Endpoint, client: sst.Endpoint) -> list[str]:
    """What the runner told."""

    async def accept() -> None:
        async for session in server:
            tasks.append(asyncio.create_task(scenarios.respond(session)))

    lines: list[str] = []
    tasks = [asyncio.create_task(accept())]
    failures = await scenarios.run(lambda: client.connect(server.url()), tell=lines.append)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert failures == 0, "\n".join(lines)
    return lines


def test_over_sockets():
    async def main():
        async with (
            sst.Endpoint("127.0.0.1:0", accept=True) as server,
            sst.Endpoint("127.0.0.1:0") as client,
        ):
            lines = await play(server, client)
            assert len(lines) == len(scenarios.scenarios()) > 20

    run(main())


@pytest.mark.parametrize("settings", [{}, {"loss": 0.1, "jitter": 0.02}], ids=["clean", "bad"])
def test_in_memory(settings):
    network = sst.testing.Network(seed=1, **settings)

    async def main():
        async with network.endpoint(accept=True) as server, network.endpoint() as client:
            await play(server, client)

    network.run(main())


def test_a_wrong_answer_fails():
    async def main(network):
        async with network.endpoint(accept=True) as server, network.endpoint() as client:
            session = await client.connect(server.url())
            task = asyncio.create_task(scenarios.respond(await server.accept()))
            steps = [
                {"open": "a", "of": "service"},
                {"write_record": "a", "text": "echo records"},
                {"write_record": "a", "text": "one"},
                {"read_record": "a", "text": "two"},
            ]
            with pytest.raises(scenarios.Failed, match="b'one' instead of b'two'"):
                await scenarios.Runner(session).run({"name": "wrong", "steps": steps})
            task.cancel()

    sst.testing.run(main)
