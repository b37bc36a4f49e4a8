"""For pytest: the fixture `sst_network`. It is there wherever the package is installed.

@pytest.mark.sst_network(loss=0.1, seed=7)
def test_it(sst_network):
    async def main(): ...
    sst_network.run(main())
"""

from __future__ import annotations

import pytest

from .testing import Network


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line(
        "markers", "sst_network(**settings): settings of sst.testing.Network for `sst_network`"
    )


@pytest.fixture
def sst_network(request: pytest.FixtureRequest) -> Network:
    """A fresh network in memory."""
    mark = request.node.get_closest_marker("sst_network")
    return Network(*mark.args, **mark.kwargs) if mark is not None else Network()
