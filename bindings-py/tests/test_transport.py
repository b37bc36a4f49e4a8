"""Sessions, streams, records and datagrams over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

import sst
from conftest import echo, pair, run, served


def test_records_come_back():
    async def main():
        async with served(echo) as session, await session.open_substream(priority=5) as stream:
            for record in (b"", b"hello", bytes(100_000)):
                await stream.write_record(record)
                assert await stream.read_record() == record
            assert stream.priority == 5

    run(main())


def test_bytes_are_whole_and_in_order():
    data = bytes(range(256)) * 20_000

    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()

            async def send():
                await stream.write(data)
                await stream.finish()

            sending = asyncio.create_task(send())
            child = await theirs.listen().accept()
            received = [chunk async for chunk in child]
            await sending
            assert b"".join(received) == data
            assert stream.bytes_written == len(data)

    run(main())


def test_any_stream_has_children_and_listeners():
    async def serve(stream: sst.Stream) -> None:
        async for child in stream.listen():
            async with child:
                record = await child.read_record()
                await child.write_record(b"child: " + record)

    async def main():
        async with served(serve) as session:
            stream = await session.open_substream()
            replies = []
            for number in range(20):
                async with await stream.open_substream(priority=number) as child:
                    assert child.info.parent_id == stream.info.id
                    await child.write_record(b"%d" % number)
                    replies.append(await child.read_record())
            assert replies == [b"child: %d" % number for number in range(20)]
            stream.release()

    run(main())


def test_datagrams_of_any_size():
    async def main():
        async with pair() as (mine, theirs):
            assert await mine.send_datagram(b"small") == "datagram"
            assert await theirs.recv_datagram() == b"small"
            assert await mine.send_datagram(bytes(20_000)) == "stream"
            assert await theirs.recv_datagram() == bytes(20_000)
            await mine.send_message(b"arrives")
            assert await theirs.recv_datagram() == b"arrives"
            with pytest.raises(sst.DatagramTooLarge) as caught:
                await mine.send_datagram(bytes(100_000), lifetime=1.0)
            assert caught.value.limit == 65_536

    run(main())


def test_a_sender_learns_what_became_of_its_datagrams():
    async def main():
        async with pair() as (mine, theirs):
            small = await mine.send_tracked_datagram(b"small")
            large = await mine.send_tracked_datagram(bytes(20_000))
            message = await theirs.send_tracked_message(b"arrives")
            assert [small.form, large.form, message.form] == ["datagram", "stream", "stream"]
            for delivery in (small, large, message):
                assert await delivery == "acknowledged"
            assert await small.outcome() == "acknowledged"
            late = await mine.send_tracked_datagram(b"late", lifetime=0.0)
            assert await late == "expired"
            with pytest.raises(sst.DatagramTooLarge):
                await mine.send_tracked_datagram(bytes(100_000))
            open_one = await mine.send_tracked_message(bytes(60_000))
            waiting = asyncio.ensure_future(open_one.outcome())
            await asyncio.sleep(0)
            waiting.cancel()
            mine.abort()
            # It may have arrived before.
            assert await open_one in ("unknown", "acknowledged")

    run(main())


def test_the_end_of_a_block_delivers_and_an_exception_resets():
    async def main():
        async with pair() as (mine, theirs):
            listener = theirs.listen()
            async with await mine.open_substream() as stream:
                await stream.write(b"all of it")
                child = await listener.accept()
            assert await child.read() == b"all of it"
            assert await child.read() == b""
            with pytest.raises(ZeroDivisionError):
                async with await mine.open_substream() as stream:
                    await stream.write(b"torn")
                    raise ZeroDivisionError
            child = await listener.accept()
            with pytest.raises(sst.PeerDropped) as caught:
                while await child.read():
                    pass
            assert (caught.value.by, caught.value.is_transport) == ("peer", True)

    run(main())


def test_a_dropped_stream_is_reset():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            await stream.write(b"x")
            child = await theirs.listen().accept()
            del stream
            with pytest.raises(sst.PeerDropped):
                while await child.read():
                    pass

    run(main())


def test_reset_and_stop_carry_their_codes():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            child = await theirs.listen().accept()
            stream.reset(7)
            with pytest.raises(sst.StreamReset) as caught:
                await child.read()
            assert (caught.value.code, caught.value.by) == (7, "peer")
            stream.stop(8)
            with pytest.raises(sst.StreamStopped) as caught:
                while True:
                    await child.write(b"more")
                    await asyncio.sleep(0.01)
            assert caught.value.code == 8

    run(main())


def test_close_delivers_and_tells_why():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            # As much as a stream takes in before its reader begins: its first window, 128 KiB.
            await stream.write(bytes(1 << 17))
            await stream.start_finish()
            closing = asyncio.create_task(mine.close(5, "enough"))
            child = await theirs.listen().accept()
            assert sum([len(chunk) async for chunk in child]) == 1 << 17
            reason = await theirs.closed()
            assert (reason.code, reason.reason, reason.by) == (5, "enough", "peer")
            assert (await closing).by == "local"
            with pytest.raises(sst.SessionClosed):
                await theirs.open_substream()
            assert theirs.close_reason.code == 5

    run(main())


def test_abort_ends_what_waits():
    async def main():
        async with pair() as (mine, theirs):
            stream = await mine.open_substream()
            child = await theirs.listen().accept()
            reading = asyncio.create_task(child.read())
            await asyncio.sleep(0)
            mine.abort(3, "now")
            with pytest.raises(sst.SessionClosed) as caught:
                await reading
            assert (caught.value.code, caught.value.reason) == (3, "now")
            with pytest.raises(sst.SessionClosed):
                await stream.write(b"x")

    run(main())


def test_services():
    async def main():
        async with pair() as (mine, theirs):
            offers = [sst.Offer("echo", "1", "says it again"), sst.Offer("clock", "2")]
            requests = theirs.offer_services(offers)
            accepting = asyncio.create_task(requests.accept())
            assert await mine.list_services() == offers
            async with await mine.open_service("echo", "1") as stream:
                request = await accepting
                assert request.offer == offers[0]
                async with request.accept() as served:
                    await stream.write_record(b"hello")
                    await served.write_record(await served.read_record())
                    assert await stream.read_record() == b"hello"
                    await stream.start_finish()
            refused = await mine.open_service("clock", "2")
            (await requests.accept()).refuse()
            accepting = asyncio.create_task(requests.accept())
            with pytest.raises(sst.ServiceRefused):
                await refused.read()
            for names, error in [
                (("none", "1"), sst.ServiceUnknown),
                (("echo", "9"), sst.ProtocolUnknown),
            ]:
                stream = await mine.open_service(*names)
                with pytest.raises(error):
                    await stream.read_record()
            accepting.cancel()

    run(main())


def test_statistics_have_units():
    async def main():
        begun = time.monotonic()
        async with pair() as (mine, theirs):
            await mine.send_message(b"x")
            await theirs.recv_datagram()
            stats = mine.stats()
            assert 0 < stats.min_rtt < time.monotonic() - begun, "it was measured meanwhile"
            assert stats.sent_packets >= 1 and 0 <= stats.loss_rate <= 1
            assert mine.peer_id == theirs.local_id and mine.peer_address.startswith("127.0.0.1:")

    run(main())


def test_who_holds_a_crowded_session_is_told():
    window = 64 << 10
    narrow = {"session_budget": 2 * window, "stream_window": window, "max_stream_window": window}

    async def main():
        async with pair(**narrow) as (mine, theirs):
            listener = theirs.listen()

            async def write(stream: sst.Stream) -> None:
                with contextlib.suppress(sst.StreamStopped):
                    await stream.write(bytes(3 * window))
                    await stream.finish()

            names, writing, children = [], [], []
            for _ in range(3):
                stream = await mine.open_substream()
                names.append(stream.info.id)
                writing.append(asyncio.create_task(write(stream)))
                if len(names) < 3:
                    children.append(await listener.accept())
            # What nobody reads of two is all that the session may hold.
            await theirs.crowded()
            while theirs.unread < 2 * window:
                await asyncio.sleep(0)
            held = theirs.largest_unread()
            assert sum(one.unread for one in held) == theirs.unread == 2 * window
            assert {one.stream for one in held} <= set(names)
            assert held == sorted(held, key=lambda one: one.unread, reverse=True)
            assert theirs.largest_unread(1) == held[:1]
            # To give them up lets the third go on.
            for child in children:
                child.stop(1)
            third = await listener.accept()
            assert len(b"".join([chunk async for chunk in third])) == 3 * window
            await asyncio.gather(*writing)
            await mine.close()
            with pytest.raises(sst.SessionClosed):
                await theirs.crowded()

    run(main())


def test_connecting_fails_for_a_reason():
    async def main():
        nobody = sst.Identity.generate().id
        async with sst.Endpoint("127.0.0.1:0", connect_timeout=0.2) as hasty:
            with pytest.raises(sst.NoAnswer) as caught:
                await hasty.connect(f"sst://{nobody}@127.0.0.1:9/")
            assert isinstance(caught.value, TimeoutError)
        async with sst.Endpoint("127.0.0.1:0") as here:
            with pytest.raises(sst.InvalidUrl):
                await here.connect("http://example.org/")
            with pytest.raises(sst.AddressInUse):
                await sst.Endpoint(here.addresses[0]).start()
            others = sst.Endpoint("127.0.0.1:0", accept=True, allow=[nobody])
            async with others:
                with pytest.raises(sst.IdentityRefused) as refused:
                    session = await here.connect(others.url())
                    raise await session.closed()
                assert refused.value.by == "peer"
        with pytest.raises(sst.EndpointClosed):
            await here.connect(others.url())

    run(main())


def test_settings_are_checked():
    async def main(**settings):
        await sst.Endpoint(**settings).start()

    for settings, word in [
        ({"bind": "nowhere"}, "bind"),
        ({"cookies": "often"}, "cookies"),
        ({"idle_timeout": -1.0}, "idle_timeout"),
        ({"allow": ["me"]}, "allow"),
        ({"session_budget": -1}, "session_budget: -1 is out of range"),
        ({"session_budget": 1 << 64}, "session_budget: 18446744073709551616 is out of range"),
        ({"stream_window": 1 << 32}, "stream_window: 4294967296 is out of range"),
        ({"max_buffer_bytes": 1 << 64}, "max_buffer_bytes: 18446744073709551616 is out of range"),
        ({"max_streams": 1 << 32}, "max_streams: 4294967296 is out of range"),
    ]:
        with pytest.raises(ValueError, match=word):
            run(main(**settings))
    with pytest.raises(TypeError, match="max_sessions"):
        run(main(max_sessions="many"))


def test_keys_are_files_of_the_command(tmp_path):
    path = tmp_path / "key"
    endpoint = sst.Endpoint(identity=path)
    assert sst.Endpoint(identity=str(path)).id == endpoint.id == sst.Identity.load(path).id
    assert path.read_text().startswith("-----BEGIN SST SECRET KEY-----\nid: " + endpoint.id)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(sst.IdentityError, match="exists"):
        endpoint.identity.save_new(path)
    path.chmod(0o644)
    with pytest.raises(sst.IdentityError, match="chmod"):
        sst.Identity.load(path)
    again = sst.Identity.from_secret(endpoint.identity.secret)
    assert again.id == endpoint.id and repr(again) == f"<sst.Identity {again.id}>"
    with pytest.raises(ValueError, match="32 bytes"):
        sst.Identity.from_secret(b"short")
