"""Which event loop is told by which `Wakeups`."""

from __future__ import annotations

import asyncio
import os
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


def _forked() -> None:
    _of_loop.clear()
    _sst.forked()


os.register_at_fork(after_in_child=_forked)
