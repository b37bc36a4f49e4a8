"""The twin without an event loop."""

from __future__ import annotations

import inspect
import threading

import pytest

import sst
import sst.blocking
from conftest import PATIENCE, run


def test_the_words_are_the_same():
    names = ("Branch", "Endpoint", "Listener", "ServiceListener", "ServiceRequest", "Session")
    swap = {"__aiter__": "__iter__", "__anext__": "__next__"}
    swap |= {"__aenter__": "__enter__", "__aexit__": "__exit__"}
    for name in (*names, "Stream"):
        one, other = getattr(sst, name), getattr(sst.blocking, name)
        words = {swap.get(word, word) for word in vars(one)}
        assert words == set(vars(other)), name
        for word, value in vars(one).items():
            if not inspect.isfunction(value) or word.startswith("__"):
                continue
            mine = dict(inspect.signature(value).parameters)
            theirs = dict(inspect.signature(getattr(other, word)).parameters)
            theirs.pop("timeout", None)
            assert list(mine) == list(theirs), f"{name}.{word}"


def test_a_conversation_of_two_threads():
    with (
        sst.blocking.Endpoint("127.0.0.1:0", accept=True) as there,
        sst.blocking.Endpoint("127.0.0.1:0") as here,
    ):

        def serve():
            for child in next(iter(there)).listen():
                with child:
                    for record in child.records():
                        child.write_record(record.upper())
                return

        thread = threading.Thread(target=serve)
        thread.start()
        with here.connect(there.url()) as session:
            with session.open_substream() as stream:
                stream.write_record(b"hello")
                assert stream.read_record(timeout=PATIENCE) == b"HELLO"
            thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_timeout_takes_nothing():
    with (
        sst.blocking.Endpoint("127.0.0.1:0", accept=True) as there,
        sst.blocking.Endpoint("127.0.0.1:0") as here,
    ):
        session = here.connect(there.url())
        theirs = there.accept()
        with pytest.raises(TimeoutError):
            session.recv_datagram(timeout=0.05)
        theirs.send_message(b"late")
        assert session.recv_datagram(timeout=PATIENCE) == b"late"


def test_a_delivery_is_waited_for():
    with (
        sst.blocking.Endpoint("127.0.0.1:0", accept=True) as there,
        sst.blocking.Endpoint("127.0.0.1:0") as here,
    ):
        session = here.connect(there.url())
        delivery = session.send_tracked_datagram(b"x")
        assert delivery.form == "datagram"
        assert delivery.outcome(timeout=PATIENCE) == delivery.outcome() == "acknowledged"
        assert session.send_tracked_message(b"y").outcome(timeout=PATIENCE) == "acknowledged"
        session.abort()


def test_what_is_written_leaves_although_the_loop_is_blocked():
    came = threading.Event()

    def serve(there):
        for child in next(iter(there)).listen():
            while record := child.read_record():
                if record == b"last":
                    came.set()
            return

    async def main(url):
        async with sst.Endpoint("127.0.0.1:0") as here, await here.connect(url) as session:
            stream = await session.open_substream()
            # So many that some are held until the loop comes round, which it does not.
            for _ in range(50):
                await stream.write_record(b"more")
            await stream.write_record(b"last")
            assert came.wait(PATIENCE)
            await stream.finish()

    with sst.blocking.Endpoint("127.0.0.1:0", accept=True) as there:
        thread = threading.Thread(target=serve, args=(there,))
        thread.start()
        run(main(there.url()))
        thread.join(PATIENCE)


def test_each_connect_of_an_endpoint_that_only_dials_is_a_session_of_its_own():
    with (
        sst.blocking.Endpoint("127.0.0.1:0", accept=True) as there,
        sst.blocking.Endpoint("127.0.0.1:0") as here,
    ):
        with here.connect(there.url()) as one, here.connect(there.url()) as other:
            instances = {session.instance for session in (one, other)}
            assert len(instances) == 2 and None not in instances
            assert {there.accept(timeout=PATIENCE).instance for _ in range(2)} == instances
            address = there.addresses[0]
            again = here.connect_to(address, there.id, instance=one.instance)
            assert again.instance == one.instance
            unnamed = here.connect_to(address, there.id, instance="unnamed")
            assert unnamed.instance is None
        with pytest.raises(ValueError, match="instance"):
            here.connect_to(address, there.id, instance="0" * 16)
    with sst.blocking.Endpoint("127.0.0.1:0", instance="unnamed") as here:
        assert here is not None
