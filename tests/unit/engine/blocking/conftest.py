"""What the driver leaves behind for the garbage collector, it has closed."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def _quick_collection() -> Iterator[None]:
    """So that a collection after each test looks at what the test made, and not at everything."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """A socket that is left to the collector is an error in the test that left it."""
    yield
    gc.collect()
