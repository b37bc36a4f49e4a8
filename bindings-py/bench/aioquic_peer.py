"""The same measurements with aioquic, tuned as its users would: large windows, its asyncio API.

python aioquic_peer.py serve CERTIFICATE KEY        # prints its port
python aioquic_peer.py bulk PORT BYTES
python aioquic_peer.py streams PORT COUNT CONCURRENT REQUEST REPLY
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import ssl
import sys
import time

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamDataReceived

WINDOW = 64 << 20
#: aioquic moves what it holds with every packet: little at a time is what suits it best.
PIECE = 1 << 16
#: Bytes before a reply's length, and what says that there is only counting to do.
REPLY_LEN = 4


class Server(QuicConnectionProtocol):
    """A stream whose first four bytes are 0 is counted; else they are the length of the reply."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.received: dict[int, list] = {}

    def quic_event_received(self, event):
        if not isinstance(event, StreamDataReceived):
            return
        state = self.received.setdefault(event.stream_id, [b"", 0])
        if len(state[0]) < REPLY_LEN:
            state[0] += event.data[:REPLY_LEN]
        state[1] += len(event.data)
        if event.end_stream:
            length = int.from_bytes(state[0][:REPLY_LEN], "big")
            reply = bytes(length) if length else state[1].to_bytes(8, "big")
            self._quic.send_stream_data(event.stream_id, reply, end_stream=True)
            self.transmit()
            del self.received[event.stream_id]


class Client(QuicConnectionProtocol):
    """Waits for the ends of streams, and for what was sent to be acknowledged."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.replies: dict[int, tuple[bytearray, asyncio.Future]] = {}

    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived) and event.stream_id in self.replies:
            received, done = self.replies[event.stream_id]
            received += event.data
            if event.end_stream:
                del self.replies[event.stream_id]
                done.set_result(bytes(received))

    def ask(self, data: bytes, end: bool = True) -> tuple[int, asyncio.Future]:
        stream_id = self._quic.get_next_available_stream_id()
        done = self._loop.create_future()
        self.replies[stream_id] = (bytearray(), done)
        self._quic.send_stream_data(stream_id, data, end_stream=end)
        self.transmit()
        return stream_id, done


def configuration(is_client: bool) -> QuicConfiguration:
    made = QuicConfiguration(is_client=is_client, alpn_protocols=["bench"])
    made.max_data = made.max_stream_data = WINDOW
    if is_client:
        made.verify_mode = ssl.CERT_NONE
    return made


async def bulk(client: Client, size: int) -> dict:
    started = time.perf_counter()
    # aioquic takes any amount at once and holds it in memory; writing in pieces needs a look
    # inside, because it has no way to wait for room.
    stream_id, done = client.ask(bytes(REPLY_LEN), end=False)
    piece, rest = bytes(PIECE), size - REPLY_LEN
    stream = client._quic._streams[stream_id]
    while rest > 0:
        while len(stream.sender._buffer) > 4 * PIECE:
            await asyncio.sleep(0)
        client._quic.send_stream_data(stream_id, piece[:rest], end_stream=rest <= PIECE)
        client.transmit()
        rest -= min(rest, PIECE)
        await asyncio.sleep(0)
    assert int.from_bytes(await done, "big") == size
    seconds = time.perf_counter() - started
    return {"gbit_per_s": size * 8 / seconds / 1e9, "seconds": seconds}


async def streams(client: Client, count: int, concurrent: int, request: int, reply: int) -> dict:
    asked = reply.to_bytes(REPLY_LEN, "big") + bytes(request - REPLY_LEN)

    async def worker(share: int) -> None:
        for _ in range(share):
            assert len(await client.ask(asked)[1]) == reply

    started = time.perf_counter()
    await asyncio.gather(*(worker(count // concurrent) for _ in range(concurrent)))
    seconds = time.perf_counter() - started
    return {"per_s": count // concurrent * concurrent / seconds, "seconds": seconds}


async def main() -> None:
    match sys.argv[1:]:
        case ["serve", certificate, key]:
            made = configuration(False)
            made.load_cert_chain(certificate, key)
            server = await serve("127.0.0.1", 0, configuration=made, create_protocol=Server)
            print(server._transport.get_extra_info("sockname")[1], flush=True)
            await asyncio.Event().wait()
        case [("bulk" | "streams") as what, port, *numbers]:
            made = configuration(True)
            async with connect(
                "127.0.0.1", int(port), configuration=made, create_protocol=Client
            ) as client:
                measure = bulk if what == "bulk" else streams
                told = await measure(client, *map(int, numbers))
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(json.dumps(told | {"cpu_seconds": used.ru_utime + used.ru_stime}))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
