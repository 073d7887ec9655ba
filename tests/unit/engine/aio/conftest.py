"""Every test of the driver runs on both loops, and leaves nothing behind on either."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest
import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.engine.aio.wire import Run


@pytest.fixture(autouse=True, scope="module")
def _quick_collection() -> Iterator[None]:
    """So that a collection after each test looks at what the test made, and not at everything."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a coroutine to its end on a loop of its own; what it leaves to the collector is an error there."""
    yield asyncio.run if request.param == "asyncio" else uvloop.run
    gc.collect()
