"""The examples in the documentation of `meshclient.testing` do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name",
    [
        *("chaos_block", "clock", "fake_endpoint", "fake_mesh", "fake_resolver", "mesh_events"),
        *("misbehaving_server", "waits"),
    ],
)
def test_examples(name: str) -> None:
    module = import_module(f"meshclient.testing.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted or ">>>" not in (module.__doc__ or "")


def test_everything_that_is_offered_is_there() -> None:
    testing = import_module("meshclient.testing")
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
