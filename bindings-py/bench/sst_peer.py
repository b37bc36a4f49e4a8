"""The measured programs of this package. They speak the service `perf` of `sst perf`, so that any
of them can be paired with the Rust command.

    python sst_peer.py serve
    python sst_peer.py bulk URL BYTES
    python sst_peer.py streams URL COUNT CONCURRENT REQUEST REPLY
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time

import sst

PERF = sst.Offer("perf", "1", "measurements")
SINK, SOURCE, REQUESTS = 1, 2, 3
PIECE = 1 << 20


async def serve() -> None:
    tasks = set()

    def start(work):
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def requests(session):
        async for request in session.offer_services([PERF]):
            start(measured(request.accept(), start))

    async with sst.Endpoint("127.0.0.1:0", accept=True, cookies="never") as endpoint:
        print(endpoint.url(), flush=True)
        async for session in endpoint:
            start(requests(session))


async def measured(stream, start) -> None:
    order = await stream.read_record()
    what, number = order[0], int.from_bytes(order[1:9], "big")
    if what == SINK:
        total = 0
        while chunk := await stream.read(PIECE):
            total += len(chunk)
        await stream.write_record(total.to_bytes(8, "big"))
        await stream.finish()
    elif what == SOURCE:
        piece, rest = bytes(PIECE), number
        while rest > 0:
            await stream.write(piece[:rest])
            rest -= min(rest, PIECE)
        await stream.finish()
    elif what == REQUESTS:
        reply = bytes(number)
        async for child in stream.listen(256):
            start(answer(child, reply))


async def answer(child, reply: bytes) -> None:
    async with child:
        while await child.read():
            pass
        await child.write(reply)


async def bulk(session, size: int) -> dict:
    stream = await begin(session, SINK, size)
    started, piece, rest = time.perf_counter(), bytes(PIECE), size
    while rest > 0:
        await stream.write(piece[:rest])
        rest -= min(rest, PIECE)
    await stream.finish()
    seconds = time.perf_counter() - started
    assert await stream.read_record() == size.to_bytes(8, "big")
    return {"gbit_per_s": size * 8 / seconds / 1e9, "seconds": seconds}


async def streams(session, count: int, concurrent: int, request: int, reply: int) -> dict:
    parent = await begin(session, REQUESTS, reply)
    asked = bytes(request)

    async def worker(share: int) -> None:
        for _ in range(share):
            stream = await parent.open_substream()
            await stream.write(asked)
            await stream.start_finish()
            received = 0
            while chunk := await stream.read():
                received += len(chunk)
            assert received == reply

    started = time.perf_counter()
    await asyncio.gather(*(worker(count // concurrent) for _ in range(concurrent)))
    seconds = time.perf_counter() - started
    return {"per_s": count // concurrent * concurrent / seconds, "seconds": seconds}


async def begin(session, what: int, number: int):
    stream = await session.open_service(PERF.service, PERF.protocol)
    await stream.write_record(bytes([what]) + number.to_bytes(8, "big"))
    return stream


async def main() -> None:
    match sys.argv[1:]:
        case ["serve"]:
            await serve()
        case [("bulk" | "streams") as what, url, *numbers]:
            async with sst.Endpoint("127.0.0.1:0") as endpoint:
                async with await endpoint.connect(url) as session:
                    measure = bulk if what == "bulk" else streams
                    told = await measure(session, *map(int, numbers))
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(json.dumps(told | {"cpu_seconds": used.ru_utime + used.ru_stime}))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
