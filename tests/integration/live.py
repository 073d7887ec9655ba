"""Calls that arrive by chance at real instances, and what became of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import TYPE_CHECKING

import httpx

import meshclient
from meshclient.model.events import EndpointEjected
from servers.scenario_backend import ScenarioBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from meshclient.model.events import Event
    from meshclient.model.report import CallReport

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a scenario takes, and how much is called meanwhile.

    Args:
        rate: calls a second.
        calm: seconds before the fault.
        after: seconds that are looked at once the time is over in which the fault has to be dealt with.
    """

    rate: float
    calm: float
    after: float


@dataclass(slots=True)
class Ended:
    """One call.

    Args:
        at: when it was due (monotonic seconds); lateness of our own counts as latency.
        post: whether it was no GET.
        number: by which the instances know it.
        seconds: until its body was read.
        error: how it failed, or empty.
        story: what the mesh says, where it says something.
    """

    at: float
    post: bool
    number: str
    seconds: float
    error: str
    story: CallReport | None


@dataclass(slots=True)
class Stage:
    """Instances under load.

    Attributes:
        backend: the instances.
        http: calls them.
        calls: those that ended.
        events: what the mesh told, with when.
    """

    backend: ScenarioBackend
    http: meshclient.AsyncClient
    calls: list[Ended] = field(default_factory=list)
    events: list[tuple[float, Event]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def between(self, begin: float, end: float = inf) -> list[Ended]:
        """The calls that were due in this time."""
        return [call for call in self.calls if begin <= call.at < end]

    def attempts(self, begin: float, end: float = inf) -> Counter[str]:
        """How many attempts began in this time, by instance."""
        names = {port: name for name, port in self.backend.ports.items()}
        return Counter(
            names[attempt.endpoint.port]
            for call in self.calls
            if call.story
            for attempt in call.story.attempts
            if begin <= call.at + attempt.started < end
        )

    def share(self, name: str, begin: float, end: float = inf) -> float:
        """What an instance got of them. Raises RuntimeError where there were none: the machine is too busy."""
        found = self.attempts(begin, end)
        if not found:
            msg = "no attempt began in this time: the machine is too busy"
            raise RuntimeError(msg)
        return found[name] / found.total()

    @property
    def failed_gets(self) -> list[Ended]:
        """Calls that could have been repeated and failed."""
        return [call for call in self.calls if call.error and not call.post]

    @property
    def ejected(self) -> Counter[str]:
        """How often an instance was."""
        names = {port: name for name, port in self.backend.ports.items()}
        return Counter(names[event.endpoint.port] for _, event in self.events if isinstance(event, EndpointEjected))


def percentile(calls: list[Ended], share: float) -> float:
    """Seconds that so large a share of them took at most."""
    ordered = sorted(call.seconds for call in calls)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@asynccontextmanager
async def stage(
    backend: ScenarioBackend,
    rate: float,
    seed: int,
    *,
    posts: float = 0.0,
    resolver: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> AsyncIterator[Stage]:
    """Calls arrive while the block runs, and have all ended after it.

    Args:
        backend: whom they are for; all of its instances, unless there is a resolver.
        rate: calls a second, in a Poisson process: whoever comes does not wait for those before.
        seed: of their times.
        posts: share of them that must not be repeated.
        resolver: says where the instances are.
        settings: of the service.
    """
    events: list[tuple[float, Event]] = []
    services = {"orders": {**(settings or {}), **({} if resolver else {"endpoints": backend.urls})}}
    async with meshclient.AsyncClient(
        resolver,
        services=services,
        limits=LIMITS,
        observers=[lambda event: events.append((time.monotonic(), event))],
    ) as http:
        made = Stage(backend, http, events=events)
        arriving = asyncio.create_task(_arrive(made, rate, random.Random(seed), posts))
        try:
            yield made
        finally:
            made.stop.set()
            await arriving


async def _arrive(to: Stage, rate: float, rng: random.Random, posts: float) -> None:
    due = time.monotonic()
    async with asyncio.TaskGroup() as calls:
        for number in count():
            due += rng.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if to.stop.is_set():
                return
            calls.create_task(_call(to, due, str(number), rng.random() < posts))


async def _call(to: Stage, due: float, number: str, post: bool) -> None:
    error, story = "", None
    try:
        response = await to.http.request(
            "POST" if post else "GET",
            "http://orders/work",
            headers={"x-request-id": number},
            content=b"{}" if post else None,
        )
        story = response.extensions["mesh"]
        error = f"status {response.status_code}" if response.status_code >= 500 else ""
    except Exception as failure:
        error, story = repr(failure), getattr(failure, "mesh", None)
    to.calls.append(Ended(due, post, number, time.monotonic() - due, error, story))
