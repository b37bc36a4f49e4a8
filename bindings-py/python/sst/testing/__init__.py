"""A network in memory, to test protocols on: any number of hosts, loss and delay, no sockets, and
a clock of its own, so that minutes pass in milliseconds. The same seed gives the same run, to the
byte.

    @sst.testing.simulated(seeds=range(100), loss=0.2)
    async def test_my_protocol(network):
        async with network.endpoint(accept=True) as server, network.endpoint() as client:
            session = await client.connect(server.url())
            ...

What runs there is the transport itself, with real cryptography, timers and congestion control; only
the wire and the clock are not real.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ._loop import Deadlock, TimeLimit
from ._network import Endpoint, Link, Network, Packet

__all__ = [
    "Deadlock",
    "Endpoint",
    "Link",
    "Network",
    "Packet",
    "TimeLimit",
    "run",
    "simulated",
]


def run(main: Callable[[Network], Coroutine[Any, Any, Any]], **settings: Any) -> Any:
    """Runs `main(network)` on a network of these settings (see `Network`) and returns what it
    returns."""
    network = Network(**settings)
    return network.run(main(network))


def simulated(
    seeds: Iterable[int] = (0,), **settings: Any
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Makes an ordinary test of an asynchronous one whose first argument is the network. It runs
    once for each seed; a failure tells which. Other arguments are left to pytest."""
    tries = tuple(seeds)

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            for seed in tries:
                network = Network(seed, **settings)
                try:
                    network.run(test(network, *args, **kwargs))
                except BaseException as error:
                    if hasattr(error, "add_note"):
                        error.add_note(f"network seed {seed}, at {network.time:.6f} s")
                    raise

        signature = inspect.signature(test)
        parameters = list(signature.parameters.values())[1:]
        wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=parameters, return_annotation=None
        )
        return wrapper

    return decorate
