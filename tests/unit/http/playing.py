"""How a test of either colour is run: on an event loop of its own, or as it is."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def async_play(test: Callable[[], Coroutine[object, object, None]]) -> None:
    """Play an asynchronous test."""
    asyncio.run(test())


def play(test: Callable[[], None]) -> None:
    """Play a synchronous test."""
    test()


class AsyncGate:
    """Holds tasks back until it is opened.

    `brings` tells whether one that is given up meanwhile still goes through it.
    """

    brings = False

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

    brings = True

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let them go on."""
        self._event.set()

    def wait(self) -> None:
        """Wait for that, for a while."""
        self._event.wait(10)
