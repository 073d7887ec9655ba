"""The end of an engine that nobody closed."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from meshclient.engine.errors import WireError

if TYPE_CHECKING:
    from meshclient.engine.aio.pools import Pools


class Farewell:
    """Closes the pools of one loop from wherever garbage is collected: on the loop, or without it if it is closed.

    Args:
        loop: of the pools.
        pools: to be closed.
    """

    __slots__ = ("_loop", "_pools")

    def __init__(self, loop: asyncio.AbstractEventLoop, pools: Pools) -> None:
        self._loop = loop
        self._pools: Pools | None = pools

    def say(self) -> None:
        """Do so."""
        pools = self._pools
        if pools is None or self._loop.is_closed() or pools.process != os.getpid():
            return
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            self._close()
        else:
            self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        pools, self._pools = self._pools, None
        if pools is not None:
            pools.close(WireError("the engine is gone"))

    def __del__(self) -> None:
        # A loop that is closed throws away what it was still to do.
        pools, self._pools = self._pools, None
        if pools is not None:
            pools.drop()
