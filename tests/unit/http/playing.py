"""How a test of either colour is run: on an event loop of its own, or as it is."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def async_play(test: Coroutine[object, object, T]) -> T:
    """The result of an asynchronous test."""
    return asyncio.run(test)


def play(test: T) -> T:
    """What a synchronous test has returned."""
    return test


class AsyncGate:
    """Holds tasks back until it is opened."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def open(self) -> None:
        """Let them go on."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for that."""
        await self._event.wait()


class Gate:
    """Holds threads back until it is opened."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let them go on."""
        self._event.set()

    def wait(self) -> None:
        """Wait for that, for a while."""
        self._event.wait(10)
