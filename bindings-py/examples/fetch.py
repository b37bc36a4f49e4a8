"""Fetches one file from `sst serve`: docs/FILES.md, spoken by an application of fifty lines.

cargo run --release -- serve ~/Documents        # prints sst://ID@ADDRESS/
python bindings-py/examples/fetch.py sst://ID@ADDRESS/ letter.txt > letter.txt
"""

import asyncio
import struct
import sys
from collections.abc import AsyncIterator

import sst

LIST, GET = 1, 2
#: What the hash of nothing is, by BLAKE3: we have no part of the file yet.
NOTHING = bytes.fromhex("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
WHY = (
    "yes",
    "malformed",
    "there is such a file",
    "wrong hash",
    "the system refused",
    "no such file",
    "read-only",
    "of another kind",
)


class Refused(Exception):
    """The server said why."""


async def ask(stream: sst.Stream, request: bytes) -> bytes:
    """The first record of the answer, after its status."""
    await stream.write_record(request)
    answer = await stream.read_record() or b"\x01"
    if answer[0] != 0:
        raise Refused(f"{WHY[answer[0]]} {answer[1:].decode()}".strip())
    return answer[1:]


async def contents(service: sst.Stream, path: str) -> AsyncIterator[bytes]:
    """The file, piece by piece, from a substream of its own."""
    async with await service.open_substream() as stream:
        request = struct.pack(">BQ32s", GET, 0, NOTHING) + path.encode()
        size, offset = struct.unpack(">QQ", await ask(stream, request))
        await stream.start_finish()
        while offset < size:
            chunk = await stream.read(min(1 << 18, size - offset))
            if not chunk:
                raise Refused("the file ended early")
            offset += len(chunk)
            yield chunk
        # The hash of the whole; Python's standard library has no BLAKE3 to check it with.
        await stream.read_record()


async def main(url: str, path: str) -> None:
    async with sst.Endpoint() as endpoint, await endpoint.connect(url) as session:
        async with await session.open_service("files", "1") as service:
            await ask(service, struct.pack(">B", LIST) + path.encode())
            async for chunk in contents(service, path):
                sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except (Refused, sst.Error) as error:
        sys.exit(f"fetch: {error}")
