"""Datagrams of up to 64 KiB, with lifetimes: a pointer's positions, of which only fresh ones count,
and a picture that would not fit one packet.

    python bindings-py/examples/datagrams.py
"""

import asyncio

import sst


async def main() -> None:
    async with (
        sst.Endpoint("127.0.0.1:0", accept=True) as server,
        sst.Endpoint("127.0.0.1:0") as client,
    ):
        session, served = await asyncio.gather(client.connect(server.url()), server.accept())
        assert served is not None
        for x in range(5):
            # Not worth sending any more if it has not left within a tenth of a second.
            form = await session.send_datagram(b"pointer at %d" % x, lifetime=0.1)
            print(f"sent as {form}; received {await served.recv_datagram()!r}")
        form = await session.send_datagram(bytes(40_000))
        print(f"sent as {form}; received {len(await served.recv_datagram())} bytes")
        # Sent again if it is lost, unlike the others.
        await session.send_message(b"game over")
        print(await served.recv_datagram())


if __name__ == "__main__":
    asyncio.run(main())
