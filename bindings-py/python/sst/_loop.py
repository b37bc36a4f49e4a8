"""Which event loop is told by which `Wakeups`; and what happens at a fork and at the end."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import time
import weakref

from . import _sst

_of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _sst.Wakeups] = (
    weakref.WeakKeyDictionary()
)


def wakeups_of(loop: asyncio.AbstractEventLoop) -> _sst.Wakeups:
    """Those of this loop, which from now on watches their descriptor.

    A loop that cannot watch descriptors (Windows' proactor) raises NotImplementedError.
    """
    wakeups = _of_loop.get(loop)
    if wakeups is None:
        wakeups = _sst.Wakeups(loop)
        loop.add_reader(wakeups.fileno(), wakeups.drain)
        _of_loop[loop] = wakeups
    return wakeups


#: How long the end of the program waits for peers to be told, in seconds.
_FAREWELL = 0.3

_endpoints: weakref.WeakSet[_sst.Endpoint] = weakref.WeakSet()


def remember(endpoint: _sst.Endpoint) -> _sst.Endpoint:
    """Has its sessions closed when the program ends."""
    _endpoints.add(endpoint)
    return endpoint


@atexit.register
def _farewell() -> None:
    _sst.ending()
    for wait in (0.0, _FAREWELL):
        # First every one begins, then all have the same time.
        until = time.monotonic() + wait
        for endpoint in list(_endpoints):
            with contextlib.suppress(TimeoutError):
                endpoint.close().wait(max(0.0, until - time.monotonic()))


def _forked() -> None:
    _of_loop.clear()
    _endpoints.clear()
    _sst.forked()


os.register_at_fork(after_in_child=_forked)
