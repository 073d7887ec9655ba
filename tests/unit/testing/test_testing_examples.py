"""The examples in the documentation of `meshclient.testing` do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["clock", "fake_endpoint", "fake_mesh", "fake_resolver"])
def test_examples(name: str) -> None:
    module = import_module(f"meshclient.testing.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted or ">>>" not in (module.__doc__ or "")
