"""The shared scenarios: from Python to Python, over sockets and in memory with losses, and with the
`sst` command, both ways."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

import sst
import sst.testing
from conftest import PATIENCE, run
from sst import _sst, scenarios


async def play(server: sst.Endpoint, make: Callable[[], sst.Endpoint]) -> list[str]:
    """What the runner told."""

    async def accept() -> None:
        async for session in server:
            tasks.append(asyncio.create_task(scenarios.respond(session)))

    @asynccontextmanager
    async def apart() -> AsyncIterator[sst.Session]:
        async with make() as client:
            yield await client.connect(server.url())

    lines: list[str] = []
    tasks = [asyncio.create_task(accept())]
    async with apart() as session:
        failures = await scenarios.run(session, apart=apart, tell=lines.append)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert failures == 0, "\n".join(lines)
    assert len(lines) == len(scenarios.scenarios()) > 20
    return lines


def test_over_sockets():
    async def main():
        async with sst.Endpoint("127.0.0.1:0", accept=True) as server:
            await play(server, lambda: sst.Endpoint("127.0.0.1:0"))

    run(main())


@pytest.mark.parametrize("settings", [{}, {"loss": 0.1, "jitter": 0.02}], ids=["clean", "bad"])
def test_in_memory(settings):
    network = sst.testing.Network(seed=1, **settings)

    async def main():
        async with network.endpoint(accept=True) as server:
            await play(server, network.endpoint)

    network.run(main())


COMMAND = os.environ.get("SST_COMMAND", "")
RUST = [COMMAND, "scenarios"]
PYTHON = [sys.executable, "-m", "sst.scenarios"]


@pytest.mark.skipif(not COMMAND, reason="SST_COMMAND does not say where the sst command is")
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways at once"])
@pytest.mark.parametrize(
    ("serve", "runs"), [(RUST, PYTHON), (PYTHON, RUST)], ids=["python runs", "rust runs"]
)
def test_with_the_command(serve, runs, both, tmp_path):
    environment = os.environ | {"HOME": str(tmp_path)}
    keys = [["--key", str(tmp_path / name)] for name in ("serves", "runs")]
    serve = [*serve, "serve", "--bind", "127.0.0.1:0", *["--run"][: int(both)]]
    serve += keys[0] if serve[0] == COMMAND else []
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        url = next(line for line in server.stdout if "sst://" in line).split()[-1]
        runs = [*runs, "run", url, *["--responds"][: int(both)]]
        runs += keys[1] if runs[0] == COMMAND else []
        done = subprocess.run(
            runs, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("\nok ") > 20
        if both:
            told, _ = server.communicate(timeout=PATIENCE)
            assert server.returncode == 0, told
            assert told.count("\nok ") > 18
    finally:
        server.kill()
        server.stdout.close()
        server.wait()


def test_this_build_holds_the_conversation_of_every_build():
    held, expected = _sst.transcript()
    assert bytes(held) == bytes(expected)


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
