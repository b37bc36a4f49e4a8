"""The examples run, each as its first lines say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PATIENCE

EXAMPLES = Path(__file__).parent.parent / "examples"
COMMAND = os.environ.get("SST_COMMAND", "")


def example(name: str, *words: str) -> bytes:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *words]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("echo.py", b"b'HELLO'"),
        ("tree.py", b"cat: 200000 bytes"),
        ("datagrams.py", b"sent as stream; received 40000 bytes"),
    ],
)
def test_example(name, says):
    assert says in example(name)


def test_own_protocol():
    test = str(EXAMPLES / "test_own_protocol.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.skipif(not COMMAND, reason="SST_COMMAND does not say where the sst command is")
def test_fetch(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    data = os.urandom(3_000_000)
    (folder / "a file").write_bytes(data)
    serve = [COMMAND, "serve", "--bind", "127.0.0.1:0", "--key", tmp_path / "key", folder]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    try:
        url = next(line for line in server.stdout if "sst://" in line).split()[-1]
        assert example("fetch.py", url, "a file") == data
        command = [sys.executable, str(EXAMPLES / "fetch.py"), url, "none"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert (done.returncode, done.stderr) == (1, "fetch: no such file\n")
    finally:
        server.kill()
        server.stdout.close()
        server.wait()
