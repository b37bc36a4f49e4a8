"""Forks, the end of the program, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import sst
from conftest import PATIENCE, is_ever_within, pair, run

PRELUDE = """
import asyncio, os, signal, sys, threading, time, warnings
import sst, sst.blocking
warnings.simplefilter("error")
there = sst.blocking.Endpoint("127.0.0.1:0", accept=True).start()
here = sst.blocking.Endpoint("127.0.0.1:0").start()
session = here.connect(there.url())
theirs = there.accept()
"""


def script(body: str, **options) -> subprocess.CompletedProcess[str]:
    """Runs a program that has a session with itself."""
    text = PRELUDE + textwrap.dedent(body)
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", text]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE, **options
    )


def test_a_forked_child_gets_a_clear_error_and_the_parent_goes_on():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            child_stream = await theirs.listen().accept()
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                told = []
                for call in (
                    lambda: mine.peer_id,
                    mine.abort,
                    stream.release,
                    lambda: stream._raw.write(b"x", True).wait(),
                    mine._raw.closed,
                ):
                    try:
                        call()
                        told.append("no error")
                    except Exception as error:
                        told.append(type(error).__name__)
                del stream, child_stream
                os.write(write, ",".join(told).encode())
                os._exit(0)
            os.close(write)
            with os.fdopen(read, "rb") as pipe:
                told = pipe.read().decode()
            os.waitpid(pid, 0)
            assert told == ",".join(["ForkedError"] * 5)
            await stream.write_record(b"unharmed")
            assert await child_stream.read_record() == b"unharmed"

    run(main())


def test_a_forked_child_can_have_its_own_endpoint():
    done = script(
        """
        url = there.url()
        pid = os.fork()
        if pid == 0:
            with sst.blocking.Endpoint("127.0.0.1:0") as own, own.connect(url) as session:
                print("connected", flush=True)
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        with session.open_substream() as stream:
            stream.write(b"x")
        print("unharmed")
        """
    )
    assert (done.stdout.split(), done.stderr, done.returncode) == (["connected", "unharmed"], "", 0)


ENDINGS = {
    "by falling off the end": "",
    "by sys.exit in a stream": "stream = session.open_substream(); stream.write(b'x'); sys.exit(0)",
    "with a thread that waits": """
        threading.Thread(target=session.recv_datagram, daemon=True).start()
        time.sleep(0.1)
        """,
    "in an event loop": """
        async def main():
            endpoint = await sst.Endpoint("127.0.0.1:0").start()
            session = await endpoint.connect(there.url())
            waiting = asyncio.create_task(session.recv_datagram())
            await asyncio.sleep(0)
            stream = await session.open_substream()
            writing = asyncio.create_task(stream.write(bytes(1 << 20)))
            await asyncio.sleep(0)
        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_interpreter_ends_with_live_sessions_quickly_and_silently(ending):
    body = textwrap.dedent(ending) + "\nsys.stdout.write(repr(time.time()))\n"
    if "sys.exit" in ending:
        body = "sys.stdout.write(repr(time.time()))\n" + textwrap.dedent(ending)

    def end() -> float:
        done = script(body)
        took = time.time() - float(done.stdout)
        assert (done.stderr, done.returncode) == ("", 0)
        return took

    assert is_ever_within(1.0, end)


def test_peers_hear_of_the_end_of_the_program():
    with sst.blocking.Endpoint("127.0.0.1:0", accept=True) as there:
        text = "import sst.blocking, sys\n"
        text += "session = sst.blocking.Endpoint('127.0.0.1:0').start().connect(sys.argv[1])"
        caller = subprocess.Popen([sys.executable, "-c", text, there.url()])
        session = there.accept(timeout=PATIENCE)
        assert session.closed(timeout=PATIENCE).by == "peer"
        assert caller.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    "call",
    [
        "session.recv_datagram()",
        "there.accept()",
        "next(iter(session.listen()))",
        "theirs.closed()",
    ],
)
def test_ctrl_c_interrupts_what_waits(call):
    text = PRELUDE + textwrap.dedent(
        f"""
        try:
            print("ready", flush=True)
            {call}
        except KeyboardInterrupt:
            print(repr(time.time()))
        """
    )

    # Whoever runs the tests in the background may ignore Ctrl-C, and children inherit that.
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"

    def interrupt() -> float:
        command = [sys.executable, "-c", hearing + text]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent_at = time.time()
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate(timeout=PATIENCE)
        assert child.returncode == 0
        return float(told) - sent_at

    assert is_ever_within(0.2, interrupt)
