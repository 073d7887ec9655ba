"""Makes the calls of a load test.

With a rate this is an open loop: a call begins when it is due, whether or not those before it have ended. A closed loop
asks a service that stalls less often, and so measures the stall once where users would have met it many times; Gil Tene
calls that coordinated omission ("How NOT to Measure Latency", 2015).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from meshclient.cli.exit_status import exit_status
from meshclient.cli.load.record import Record, tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from meshclient.cli.load.plan import LoadPlan
    from meshclient.cli.request import WrittenRequest

# Timers of a loop are late by up to a millisecond, which would count as latency: the rest is waited for in turns.
_EARLY = 0.0015
# Seconds between two looks at how far it has come.
_TICK = 0.1


class LoadRun:
    """The calls of one plan, while they are made.

    Args:
        client: that makes them.
        request: each of them.
        plan: how many and when.
        extensions: of each of them.
        ended: told of each that ended.
        tick: called now and then.

    Attributes:
        records: of the calls that ended, in that order.
        unfinished: calls that were under way when it was interrupted.
        interrupted: whether it was.
        held: whether a call that was due had to wait because so many were under way.
        seconds: from the begin to the end of the last call.
        errors: the last of each kind, for its words.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        request: WrittenRequest,
        plan: LoadPlan,
        *,
        extensions: dict[str, object],
        ended: Callable[[Record], None],
        tick: Callable[[LoadRun], None],
    ) -> None:
        self._client = client
        self._request = request
        self._extensions = extensions
        self._plan = plan
        self._ended = ended
        self._tick = tick
        self._begun = 0.0
        self._under_way = 0
        self.records: list[Record] = []
        self.unfinished = 0
        self.interrupted = False
        self.held = False
        self.seconds = 0.0
        self.errors: dict[str, Exception] = {}

    @property
    def now(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._begun

    async def run(self) -> None:
        """Make the calls; an interrupt ends it early, and what there is stays."""
        self._begun = time.monotonic()
        ticking = asyncio.create_task(self._ticks())
        try:
            async with asyncio.TaskGroup() as group:
                await (self._closed(group) if self._plan.rate is None else self._open(group))
        except ExceptionGroup as raised:
            # No call raises: it is whoever is told of them, such as a pipe that is closed.
            raise raised.exceptions[0] from None
        except asyncio.CancelledError:
            self.interrupted, self.unfinished = True, self._under_way
            # What follows is not cancelled: the connections are closed in order.
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        finally:
            ticking.cancel()
            self.seconds = max((record.ended for record in self.records), default=self.now)

    async def _open(self, group: asyncio.TaskGroup) -> None:
        room = asyncio.Semaphore(self._plan.concurrency)
        for number in range(self._plan.calls):
            due = self._plan.due(number)
            await self._until(due)
            self.held = self.held or room.locked()
            await room.acquire()
            task = group.create_task(self._call(number, due))
            task.add_done_callback(lambda _: room.release())

    async def _until(self, due: float) -> None:
        while (left := due - self.now) > 0:  # noqa: ASYNC110 - for a time, not for an event
            await asyncio.sleep(left - _EARLY if left > _EARLY else 0)

    async def _closed(self, group: asyncio.TaskGroup) -> None:
        numbers = iter(range(self._plan.calls))
        for _ in range(min(self._plan.concurrency, self._plan.calls)):
            group.create_task(self._worker(numbers))

    async def _worker(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._call(number, self.now)

    async def _call(self, number: int, due: float) -> None:
        request = self._request
        self._under_way += 1
        began, status, error = self.now, None, ""
        try:
            response = await self._client.request(
                request.method,
                request.url,
                headers=list(request.headers),
                content=request.body,
                extensions=self._extensions,
            )
            status, report = response.status_code, response.extensions.get("mesh")
        except Exception as failure:  # noqa: BLE001 - counted by its kind, and the last of each kind is shown
            error, report = exit_status(failure).name.lower(), getattr(failure, "mesh", None)
            self.errors[error] = failure
        record = Record(number + 1, due, began, self.now, status, error, tried(report))
        self._under_way -= 1
        self.records.append(record)
        self._ended(record)

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._tick(self)
