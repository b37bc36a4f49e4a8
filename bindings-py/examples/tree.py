"""A tree of streams: a photo album is a stream, its pictures are its substreams, and each has its
own priority. Nobody counts streams, and no picture waits for another.

    python bindings-py/examples/tree.py
"""

import asyncio

import sst

PICTURES = {"harbour": 600_000, "cat": 200_000, "sunset": 400_000}


async def serve_album(album: sst.Stream) -> None:
    """Every child of the album asks for one picture by name."""
    async for picture in album.listen():
        asyncio.create_task(serve_picture(picture))  # noqa: RUF006


async def serve_picture(picture: sst.Stream) -> None:
    async with picture:
        name = (await picture.read_record() or b"").decode()
        await picture.write(bytes(PICTURES[name]))


async def fetch(album: sst.Stream, name: str, priority: int) -> None:
    async with await album.open_substream() as picture:
        # What the peer sends is at stake: it is asked to send this one sooner or later.
        picture.request_priority(priority)
        await picture.write_record(name.encode())
        await picture.start_finish()
        size = sum([len(chunk) async for chunk in picture])
        print(f"{name}: {size} bytes")


async def main() -> None:
    async with (
        sst.Endpoint("127.0.0.1:0", accept=True) as server,
        sst.Endpoint("127.0.0.1:0") as client,
    ):
        session, served = await asyncio.gather(client.connect(server.url()), server.accept())
        assert served is not None
        album = await session.open_substream()
        theirs = await served.listen().accept()
        assert theirs is not None
        serving = asyncio.create_task(serve_album(theirs))
        await asyncio.gather(
            fetch(album, "harbour", 0), fetch(album, "cat", 9), fetch(album, "sunset", 1)
        )
        await album.finish()
        serving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
