"""When a list goes to disk: a change soon, its confirmation now and then, and never while it is in doubt."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.blocking import off_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.state_folder import StateFile
    from meshclient.model.endpoint import Endpoint

    Endpoints = tuple[Endpoint, ...]

# Seconds between two writings of a list that changes all the time.
GAP = 1.0
# Seconds after which an unchanged list is written anew for the sake of its time.
REFRESH = 300.0
# Seconds that the end of a watch waits for a disk.
PATIENCE = 0.5


def pause(written: Endpoints | None, wanted: Endpoints, since: float) -> float:
    """Seconds until `wanted` is to be written, when `written` went to disk `since` seconds ago (None: nothing did)."""
    if written is None:
        return 0.0
    return max(0.0, (REFRESH if written == wanted else GAP) - since)


class Saving:
    """Writes one name's list, off the loop it is made on; one writing at a time.

    Args:
        file: where to.
        clock: monotonic seconds.
    """

    def __init__(self, file: StateFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._wanted: Endpoints | None = None
        self._vouched = False
        self._written: Endpoints | None = None
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def offer(self, endpoints: Endpoints | None) -> None:
        """The list as it stands, or None while nobody vouches for it; one that was told before is still written."""
        self._vouched = endpoints is not None
        self._wanted = endpoints or self._wanted
        self._schedule()

    async def end(self) -> None:
        """Write what is not yet written, and stop."""
        self._cancel_timer()
        wanted, self._wanted = self._wanted, None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                if self._task is not None:
                    await asyncio.wait({self._task})
                if wanted is not None and wanted != self._written:
                    await self._put(wanted)
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait({task})

    def _schedule(self) -> None:
        self._cancel_timer()
        if not self._vouched and self._wanted == self._written:
            self._wanted = None
        if self._wanted is not None and self._task is None:
            wait = pause(self._written, self._wanted, self._clock() - self._at)
            self._timer = asyncio.get_running_loop().call_later(wait, self._begin)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        if self._wanted is not None:
            self._task = asyncio.get_running_loop().create_task(self._write(self._wanted))

    async def _write(self, endpoints: Endpoints) -> None:
        try:
            await self._put(endpoints)
        finally:
            self._task, self._written, self._at = None, endpoints, self._clock()
            self._schedule()

    async def _put(self, endpoints: Endpoints) -> None:
        try:
            await off_loop(self._file.write, endpoints)
        except RuntimeError as exc:
            # The process may have no more threads.
            self._file.folder.complain(OSError(str(exc)))
