"""Two hosts in one program: one says every record again, the other listens.

python bindings-py/examples/echo.py
"""

import asyncio
import contextlib

import sst


async def echo(stream: sst.Stream) -> None:
    """Ends when the caller finishes; leaving the block delivers what was said.

    A caller that has heard enough may close its session before it acknowledges our end.
    """
    with contextlib.suppress(sst.SessionClosed):
        async with stream:
            async for record in stream.records():
                await stream.write_record(record)


async def serve(endpoint: sst.Endpoint) -> None:
    async for session in endpoint:
        async for stream in session.listen():
            asyncio.create_task(echo(stream))  # noqa: RUF006


async def main() -> None:
    async with (
        sst.Endpoint("127.0.0.1:0", accept=True) as server,
        sst.Endpoint("127.0.0.1:0") as client,
    ):
        serving = asyncio.create_task(serve(server))
        print("serving at", server.url())
        async with await client.connect(server.url()) as session:
            async with await session.open_substream() as stream:
                for word in (b"hello", b"hello?", b"HELLO"):
                    await stream.write_record(word)
                    print(await stream.read_record())
        serving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
