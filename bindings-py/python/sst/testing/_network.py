"""The network in memory: packets, what becomes of them, and when."""

from __future__ import annotations

import hashlib
import heapq
import ipaddress
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from .. import _sst
from .._asyncio import Endpoint as _Endpoint

_T = TypeVar("_T")

#: Nanoseconds in a second.
SECOND = 1_000_000_000

Fate = Literal["sent", "lost", "too large", "queue full", "filtered", "no host"]


@dataclass(frozen=True)
class Link:
    """What happens to packets on one way from host to host.

    Args:
        delay: seconds a packet takes.
        jitter: seconds that are added at random, up to this. Packets may overtake each other.
        loss: the share of packets that is lost, 0 to 1.
        duplicate: the share that arrives twice.
        reorder: the share that is held back for another `delay`, and so overtaken.
        rate: bits a second; None for no limit.
        queue: bytes that may wait for their turn if there is a rate; what is more is dropped.
        mtu: bytes of the largest packet, headers of IP and UDP not counted.
    """

    delay: float = 0.01
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    rate: float | None = None
    queue: int = 64_000
    mtu: int = 1_472


@dataclass(frozen=True)
class Packet:
    """One packet that a host sent. `at` in seconds; `data` is sealed."""

    at: float
    source: str
    destination: str
    data: bytes = field(repr=False)
    fate: Fate = "sent"


class Endpoint(_Endpoint):
    """An `sst.Endpoint` on a network in memory. Made by `Network.endpoint`."""

    def __init__(self, network: Network, name: str, place: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._network = network
        self._place = place
        self._carrier: _sst.Carrier | None = None
        self.name = name

    def __repr__(self) -> str:
        return f"<sst.testing.Endpoint {self.name}>"

    async def start(self) -> Endpoint:
        if self._raw is None:
            network = self._network
            seed = network._derive_int("random bytes", self._place)
            self._raw, self._carrier = _sst.detached(
                self._identity, self._settings, network._clock, self._place, seed
            )
            network._hosts[self._place] = self
        return self

    async def __aenter__(self) -> Endpoint:
        return await self.start()

    async def move(self) -> None:
        """The host is at another address from now on, as behind a NAT that forgot it."""
        network = self._network
        network._hosts.pop(self._place, None)
        self._place = network._next_place()
        network._hosts[self._place] = self


class Network:
    """A network in memory, with a clock of its own: hours pass in milliseconds, and the same
    seed gives the same run to the byte.

    Args:
        seed: of everything random: losses, keys, cookies.
        link: what happens to packets, unless `set_link` says otherwise for two hosts.
        time_limit: seconds of its time after which `run` gives up with TimeLimit: a day.
        record: keep every packet in `packets`.
        settings: fields of `Link`, instead of a whole one: `Network(loss=0.1)`.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        link: Link | None = None,
        time_limit: float = 86_400.0,
        record: bool = False,
        **settings: Any,
    ) -> None:
        self.seed = seed
        self.link = replace(link or Link(), **settings)
        self.time_limit = time_limit
        #: Every packet sent so far, if they are recorded.
        self.packets: list[Packet] = []
        #: Decides about every packet if set: False drops it.
        self.filter: Callable[[Packet], bool] | None = None
        self._record = record
        self._clock = _sst.Clock()
        self._random = random.Random(seed)
        self._hosts: dict[int, Endpoint] = {}
        self._links: dict[tuple[Endpoint, Endpoint], Link] = {}
        self._free_at: dict[tuple[Endpoint, Endpoint], int] = {}
        self._flights: list[tuple[int, int, int, int, bytes]] = []
        self._count = 0
        self._places = int(ipaddress.IPv4Address("10.0.0.0"))
        self._hash = hashlib.blake2b(digest_size=16)

    def endpoint(self, name: str = "", **settings: Any) -> Endpoint:
        """A host on this network, to be used in an `async with` statement. `settings` are those
        of `sst.Endpoint`; its identity follows from the seed unless it is given."""
        place = self._next_place()
        settings.setdefault("identity", _sst.Identity.from_secret(self._derive("key", place)))
        address = str(ipaddress.IPv4Address(place))
        return Endpoint(self, name or address, place, **settings)

    def set_link(self, a: Endpoint, b: Endpoint, link: Link | None = None, **changes: Any) -> None:
        """What happens to packets between two hosts from now on, both ways: `link`, or the
        network's own, with these `changes`."""
        link = replace(link or self.link, **changes)
        self._links[a, b] = self._links[b, a] = link

    def run(self, main: Coroutine[Any, Any, _T]) -> _T:
        """Runs `main` in an event loop in which the network's time passes: `asyncio.sleep` and
        timeouts take no time of ours.

        Raises:
            Deadlock: everything waits, and nothing is left that could happen. Hosts with a
                session have something left: it ends after their `idle_timeout`, and who waits
                is told SessionTimedOut.
            TimeLimit: the network's time went past `time_limit`.
        """
        from ._loop import run

        return run(self, main)

    @property
    def time(self) -> float:
        """Seconds since the network began."""
        return self._clock.now / SECOND

    @property
    def digest(self) -> str:
        """A hash over every packet so far, its time and its fate: equal for equal runs."""
        return self._hash.hexdigest()

    # What the event loop calls.

    def carry(self) -> None:
        """Everything that is due now: applications' news, packets that arrive, timers."""
        is_busy = True
        while is_busy:
            is_busy = self._deliver()
            for host in list(self._hosts.values()):
                is_busy |= self._serve(host)

    def next_at(self) -> int | None:
        """When something happens next if applications do nothing, in nanoseconds."""
        times = [self._flights[0][0]] if self._flights else []
        for host in self._hosts.values():
            due = host._carrier.poll_timeout() if host._carrier is not None else None
            if due is not None:
                times.append(due)
        return min(times, default=None)

    def advance_to(self, nanos: int) -> None:
        """Time passes."""
        self._clock.advance_to(nanos)

    def _serve(self, host: Endpoint) -> bool:
        carrier = host._carrier
        if carrier is None:
            return False
        if carrier.has_ended:
            self._hosts.pop(host._place, None)
            return False
        due = carrier.poll_timeout()
        if not carrier.has_work() and (due is None or due > self._clock.now):
            return False
        carrier.turn()
        while (packet := carrier.poll_transmit()) is not None:
            self._send(host, *packet)
        return True

    def _deliver(self) -> bool:
        now, flights, reached = self._clock.now, self._flights, []
        while flights and flights[0][0] <= now:
            _, _, source, destination, data = heapq.heappop(flights)
            host = self._hosts.get(destination)
            if host is not None and host._carrier is not None:
                host._carrier.handle_packet(source, data)
                reached.append(host._carrier)
        for carrier in dict.fromkeys(reached):
            carrier.turn()
        for host in list(self._hosts.values()):
            if host._carrier in reached:
                while (packet := host._carrier.poll_transmit()) is not None:
                    self._send(host, *packet)
        return bool(reached)

    def _send(self, host: Endpoint, place: int, data: bytes) -> None:
        to = self._hosts.get(place)
        packet = Packet(
            self.time, host.name, str(ipaddress.IPv4Address(place)) if to is None else to.name, data
        )
        if to is None:
            return self._log(packet, "no host")
        link = self._links.get((host, to), self.link)
        chance = self._random.random
        if self.filter is not None and not self.filter(packet):
            return self._log(packet, "filtered")
        if len(data) > link.mtu:
            return self._log(packet, "too large")
        leaves_at = self._clock.now
        if link.rate is not None:
            free_at = max(self._free_at.get((host, to), 0), leaves_at)
            if (free_at - leaves_at) * link.rate / 8 / SECOND > link.queue:
                return self._log(packet, "queue full")
            leaves_at = free_at + int(len(data) * 8 * SECOND / link.rate)
            self._free_at[host, to] = leaves_at
        if link.loss and chance() < link.loss:
            return self._log(packet, "lost")
        copies = 2 if link.duplicate and chance() < link.duplicate else 1
        for _ in range(copies):
            delay = link.delay + (link.jitter * chance() if link.jitter else 0.0)
            if link.reorder and chance() < link.reorder:
                delay += link.delay
            self._count += 1
            arrives_at = leaves_at + int(delay * SECOND)
            heapq.heappush(self._flights, (arrives_at, self._count, host._place, place, data))
        return self._log(packet, "sent")

    def _log(self, packet: Packet, fate: Fate) -> None:
        line = f"{self._clock.now} {packet.source} {packet.destination} {fate} {len(packet.data)} "
        self._hash.update(line.encode() + packet.data)
        if self._record:
            self.packets.append(replace(packet, fate=fate))

    def _next_place(self) -> int:
        self._places += 1
        return self._places

    def _derive(self, what: str, number: int) -> bytes:
        text = f"sst.testing {self.seed} {what} {number}"
        return hashlib.blake2b(text.encode(), digest_size=32).digest()

    def _derive_int(self, what: str, number: int) -> int:
        return int.from_bytes(self._derive(what, number)[:8], "big")
