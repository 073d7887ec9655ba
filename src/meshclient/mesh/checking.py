"""Checks the endpoints of one service beside its calls, on the discovery loop.

When, and what follows from it, is `meshclient.core.health`'s; this carries it out. The checks are one job on the
discovery thread, which begins and ends with the service's background watch: with `close`, when the list is released,
when the mesh is collected; a forked child makes its own. A check that hangs holds up no other: each is a task.

In on-demand mode there is no thread between calls, so there are no checks either; that is logged.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from meshclient.core.health import Checkup, HealthRule
from meshclient.discovery.runtime.background import BackgroundWatch, wake
from meshclient.discovery.runtime.loop import background, fork_safe_lock
from meshclient.discovery.supervision import describe
from meshclient.model.events import HealthChanged
from meshclient.registration.probe import NotReady, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.config.policy_shape import HealthConfig
    from meshclient.core.balance.node import Key
    from meshclient.core.balance.picker import Uniform
    from meshclient.core.health import Condition
    from meshclient.mesh.service import Watch
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event

_LOG = logging.getLogger("meshclient.discovery")

# Checks of one service at once. Thousands of endpoints that all hang would otherwise take all file descriptors.
AT_ONCE = 64
# Of its time limit; a check that ends so much later waited for this process, as any call would have.
STALLED = 0.1


class Checked(Protocol):
    """Told how an endpoint is, as the latest of its checks left it."""

    def __call__(self, key: Key, now: float, *, passing: bool) -> None:
        """Take note."""
        ...


class Checking:
    """The checks of one service.

    Args:
        service: its name.
        config: how endpoints are checked.
        checked: told after each check, on the discovery thread.
        clock: monotonic seconds.
        uniform: chance in [0, 1).
    """

    def __init__(
        self, service: str, config: HealthConfig, *, checked: Checked, clock: Callable[[], float], uniform: Uniform
    ) -> None:
        self._service = service
        self._path = "" if config.tcp else config.path
        self._timeout = config.timeout
        self._checked = checked
        self._clock = clock
        rule = HealthRule(config.interval, config.healthy, config.unhealthy, config.jitter)
        self._checkup = Checkup(rule, uniform)
        # Taken by one thread at a time anyway; a fork must find the schedule whole.
        self._lock = fork_safe_lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    def follow(self, endpoints: Sequence[Endpoint]) -> None:
        """Take over the list that the balancer has just been given; from the thread that gave it."""
        with self._lock:
            self._checkup.follow(endpoints, self._clock())
        background().call(self._rouse)

    def begin(self, watch: Watch, tell: Callable[[Event], None]) -> None:
        """Check from now on, for as long as `watch` lives.

        Args:
            watch: whose end is the end of the checks; one that runs in the background.
            tell: told of changes, on the discovery thread.
        """
        if isinstance(watch, BackgroundWatch):
            background().run(partial(self._run, watch, tell))
        else:
            _LOG.warning("%s: its endpoints are not checked, since nothing runs between calls", self._service)

    async def _run(self, watch: BackgroundWatch, tell: Callable[[Event], None]) -> None:
        # Both anew: in a forked child those of the parent wait for ever.
        self._woken, self._under_way = asyncio.Event(), set()
        loop, woken, under_way = asyncio.get_running_loop(), self._woken, self._under_way
        ended = watch._job.ended  # noqa: SLF001 - however it comes about, this is where a watch's end shows
        ended.add_done_callback(lambda _: wake(loop, woken))
        with self._lock:
            self._checkup.resume(self._clock())
        try:
            while not ended.done():
                woken.clear()
                pause = self._begin_due(tell)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await woken.wait()
        finally:
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.wait(under_way)

    def _begin_due(self, tell: Callable[[Event], None]) -> float | None:
        """Begin the checks that are due; seconds to the next, or None where something else has to happen first."""
        while len(self._under_way) < AT_ONCE:
            with self._lock:
                now = self._clock()
                condition, due = self._checkup.take(now), self._checkup.next
            if condition is None:
                return None if due is None else due - now
            task = asyncio.create_task(self._check(condition, tell))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            task.add_done_callback(self._rouse)
        return None

    def _rouse(self, _: object = None) -> None:
        self._woken.set()

    async def _check(self, condition: Condition, tell: Callable[[Event], None]) -> None:
        endpoint, begun, detail = condition.endpoint, self._clock(), ""
        passed: bool | None = True
        try:
            await probe(endpoint, self._path, self._timeout)
        except NotReady as exc:
            passed, detail = False, str(exc)
        except Exception as exc:  # noqa: BLE001 - such as a host that is no name: nobody can call it either
            passed, detail = False, describe(exc)
        now = self._clock()
        if now - begun > self._timeout * (1 + STALLED):
            passed = None
        with self._lock:
            if not self._checkup.holds(condition):
                return
            checks = condition.streak + 1
            changed = self._checkup.ended(condition, now, passed=passed)
        self._checked(endpoint.key, now, passing=condition.passing)
        if changed:
            tell(HealthChanged(self._service, endpoint, condition.passing, checks, detail))
