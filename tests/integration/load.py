"""Paced GETs through a client, and what became of each."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    import meshclient
    from meshclient.model.report import CallReport
    from meshclient.model.snapshot import Snapshot

GATE = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """One call: when it began (monotonic seconds), how it ended, its story where it has one."""

    began: float
    error: str
    story: CallReport | None

    @property
    def ports(self) -> list[int]:
        """Where its attempts went."""
        return [attempt.endpoint.port for attempt in self.story.attempts] if self.story else []


class Tally:
    """What became of the calls so far; filled from any thread."""

    def __init__(self) -> None:
        self.calls: list[Ended] = []
        self._more = threading.Condition()

    def answered(self, began: float, response: httpx.Response) -> None:
        story: CallReport = response.extensions["mesh"]
        error = f"status {response.status_code}" if response.status_code >= 500 else ""
        self._add(Ended(began, error, story))

    def failed(self, began: float, error: Exception) -> None:
        self._add(Ended(began, repr(error), getattr(error, "mesh", None)))

    def _add(self, call: Ended) -> None:
        with self._more:
            self.calls.append(call)
            self._more.notify_all()

    def wait(self, more: int) -> None:
        """Return when so many more calls have ended than now."""
        with self._more:
            wanted = len(self.calls) + more
            assert self._more.wait_for(lambda: len(self.calls) >= wanted, GATE), f"{len(self.calls)} of {wanted} calls"

    @property
    def failures(self) -> list[str]:
        return [call.error for call in self.calls if call.error]

    @property
    def retries(self) -> int:
        return sum(call.story.retries for call in self.calls if call.story)

    def since(self, moment: float) -> Counter[int]:
        """Attempts by port, of the calls begun after `moment`."""
        return Counter(port for call in self.calls if call.began > moment for port in call.ports)


async def call_at_rate(http: meshclient.AsyncClient, url: str, rate: float, tally: Tally, stop: asyncio.Event) -> None:
    """GETs at `rate` a second, begun on time whether or not those before have ended, until `stop`."""

    async def call() -> None:
        began = time.monotonic()
        try:
            response = await http.get(url)
        except Exception as error:
            tally.failed(began, error)
        else:
            tally.answered(began, response)

    start, number = time.monotonic(), 0
    async with asyncio.TaskGroup() as calls:
        while not stop.is_set() and number < rate * GATE:
            number += 1
            calls.create_task(call())
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))


def call_in_threads(http: meshclient.Client, url: str, rate: float, tally: Tally, scenario: Callable[[], None]) -> None:
    """GETs from four threads, `rate` a second in all, for as long as `scenario` runs in this one."""
    stop = threading.Event()
    count = 4

    def call_on() -> None:
        while not stop.wait(count / rate):
            began = time.monotonic()
            try:
                response = http.get(url)
            except Exception as error:
                tally.failed(began, error)
            else:
                tally.answered(began, response)

    threads = [threading.Thread(target=call_on) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        scenario()
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def seen(mesh: meshclient.Mesh, service: str, accept: Callable[[Snapshot], bool], bound: float = 30.0) -> float:
    """When (monotonic seconds) the snapshot is one that `accept` takes; AssertionError after `bound` seconds."""
    watch = mesh.service(service).watch
    end = time.monotonic() + bound
    while not accept(snapshot := watch.snapshot):
        left = end - time.monotonic()
        assert left > 0, f"not seen within {bound:g}s: {snapshot}"
        watch.wait(snapshot, left)
    return time.monotonic()


def lists(port: int) -> Callable[[Snapshot], bool]:
    """Whether a snapshot holds an endpoint at this port."""
    return lambda snapshot: any(endpoint.port == port for endpoint in snapshot.endpoints)


def lacks(port: int) -> Callable[[Snapshot], bool]:
    """Whether a snapshot holds no endpoint at this port."""
    return lambda snapshot: not lists(port)(snapshot)
