"""The installed package and its compiled half belong together."""

import importlib.metadata

import sst


def test_version_is_that_of_the_installed_package():
    assert sst.__version__ == importlib.metadata.version("sst-transport")
