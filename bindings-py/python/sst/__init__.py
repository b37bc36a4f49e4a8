"""Structured Stream Transport.

So far the package knows its version. The transport API lands next.
"""

from ._sst import __version__

__all__ = ["__version__"]
