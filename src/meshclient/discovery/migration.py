"""``migrate(a, b)``: calls go by `a`, while `b`, to which a service is to move, is watched and compared.

Addresses are compared, and nothing else: the instance ids, weights and zones of two kinds of registry need not be
alike. Both are always a little apart while instances come and go, so a difference is told once it has stood for
`SETTLE` seconds, and no two reports of a service are closer than `INTERVAL`. Where instances come and go all the time,
that of the difference which has stood so long is told after `INTERVAL`. Nothing that `b` does reaches a caller.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.discovery.hint import hint
from meshclient.discovery.supervision import describe, supervise
from meshclient.model.events import MigrationAgrees, MigrationDiffers
from meshclient.model.snapshot import Failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready

    Answer = Ready | Empty | Failed
    Report = MigrationDiffers | MigrationAgrees | str

# Seconds. Registries tell of the same change some seconds apart; one that is polled takes ten and more.
SETTLE = 15.0
INTERVAL = 60.0
# Most endpoints of either side that a line of the log names.
SHOWN = 5

_LOG = logging.getLogger("meshclient.discovery")


class Migrating:
    """Answers as `serving` does, and compares `following` with it.

    Args:
        serving: whose answers are passed on.
        following: who is compared.
        tell: told of `MigrationDiffers` and `MigrationAgrees`.
        settle: seconds that a difference or an agreement must have stood to be told.
        interval: least seconds between two reports of a service.

    Attributes:
        filed: under which source its lists are kept on disk: they are those of `serving`.
    """

    def __init__(
        self,
        serving: Resolver,
        following: Resolver,
        *,
        tell: Callable[[Event], None] | None = None,
        settle: float = SETTLE,
        interval: float = INTERVAL,
    ) -> None:
        self.source = f"migrate({serving.source}, {following.source})"
        self.filed: str = getattr(serving, "filed", serving.source)
        self._serving = serving
        self._following = following
        self._tell = tell
        self._settle = settle
        self._interval = interval

    def refresh(self, name: ServiceName) -> None:
        """Pass the hint on to both."""
        hint(self._serving, name)
        hint(self._following, name)

    async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
        """Yield what `serving` says; the comparison goes on beside it."""
        comparison = Comparison(name.value, self._settle, self._interval)
        compared = asyncio.create_task(self._compare(name, comparison))
        try:
            async for answer in supervise(self._serving, name, time.monotonic, random):
                comparison.hear(0, answer, time.monotonic())
                yield answer
        finally:
            compared.cancel()
            await asyncio.gather(compared, return_exceptions=True)

    async def _compare(self, name: ServiceName, comparison: Comparison) -> None:
        timer: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal timer
            report = comparison.due(now := time.monotonic())
            if report is not None:
                self._say(name.value, report)
            wait = comparison.wait(now)
            timer = None if wait is None else loop.call_later(wait, look)

        loop = asyncio.get_running_loop()

        def heard() -> None:
            if timer is not None:
                timer.cancel()
            look()

        comparison.heard = heard
        try:
            async for answer in supervise(self._following, name, time.monotonic, random):
                comparison.hear(1, answer, time.monotonic())
        finally:
            comparison.heard = _nothing
            if timer is not None:
                timer.cancel()

    def _say(self, service: str, report: Report) -> None:
        if isinstance(report, MigrationDiffers):
            _LOG.warning(
                "%s: %d endpoints are only in %s%s, %d only in %s%s",
                service,
                *(len(report.only_in_a), self._serving.source, _some(report.only_in_a)),
                *(len(report.only_in_b), self._following.source, _some(report.only_in_b)),
            )
        elif isinstance(report, MigrationAgrees):
            _LOG.warning("%s: %s agrees on all %d endpoints", service, self.source, report.endpoints)
        else:
            _LOG.warning("%s: %s", service, report)
        if self._tell is not None and not isinstance(report, str):
            self._tell(report)


class Comparison:
    """What two registries say of one service, and when it is worth a report. Pure: the time comes in.

    Args:
        service: the name.
        settle: as of `Migrating`.
        interval: as of `Migrating`.

    Attributes:
        heard: called when there is something new to look at.
    """

    def __init__(self, service: str, settle: float, interval: float) -> None:
        self.heard: Callable[[], None] = _nothing
        self._service = service
        self._settle = settle
        self._interval = interval
        self._patience = max(settle, interval)
        self._latest: list[Answer | None] = [None, None]
        self._report: Report | None = None
        self._since = 0.0
        self._apart: dict[str, float] = {}
        self._told: Report | None = None
        self._told_at: float | None = None

    def hear(self, side: int, answer: Answer, now: float) -> None:
        """Take the answer of side 0, which serves, or 1."""
        self._latest[side] = answer
        try:
            report = compared(self._service, *self._latest)
        except Exception as exc:  # noqa: BLE001 - endpoints that are none must not reach who is served
            report = f"{answer.source} cannot be compared: {describe(exc)}"
        if report != self._report:
            self._report, self._since = report, now
            apart = (*report.only_in_a, *report.only_in_b) if isinstance(report, MigrationDiffers) else ()
            self._apart = {endpoint.authority: self._apart.get(endpoint.authority, now) for endpoint in apart}
        self.heard()

    def wait(self, now: float) -> float | None:
        """Seconds until `due` has something to tell if nothing changes, or None where it has not."""
        first = now if self._told_at is None else self._told_at + self._interval
        oldest = [min(self._apart.values()) + self._patience] if self._apart else []
        for moment in sorted([*oldest, self._since + self._settle]):
            if self._stood(at := max(moment, first, now)) not in (None, self._told):
                return at - now
        return None

    def due(self, now: float) -> Report | None:
        """What is to be told now; it counts as told."""
        if self.wait(now) != 0.0:
            return None
        self._told, self._told_at = self._stood(now), now
        return self._told

    def _stood(self, now: float) -> Report | None:
        """The report where it has stood for long enough, else what of it has, where it has been put off for long."""
        if now >= self._since + self._settle:
            return self._report
        if isinstance(self._report, MigrationDiffers) and now >= min(self._apart.values()) + self._patience:
            return replace(
                self._report,
                only_in_a=self._lasting(self._report.only_in_a, now),
                only_in_b=self._lasting(self._report.only_in_b, now),
            )
        return None

    def _lasting(self, endpoints: tuple[Endpoint, ...], now: float) -> tuple[Endpoint, ...]:
        return tuple(each for each in endpoints if now >= self._apart[each.authority] + self._settle)


def compared(service: str, a: Answer | None, b: Answer | None) -> Report | None:
    """How two answers compare; None where the serving side cannot tell, or one has not spoken yet.

    That the other side cannot tell is a text, for the log.
    """
    if a is None or b is None or isinstance(a, Failed):
        return None
    if isinstance(b, Failed):
        return f"{b.source} cannot be compared: {b.cause}"
    mine, theirs = _places(a), _places(b)
    only_in_a = tuple(endpoint for place, endpoint in mine.items() if place not in theirs)
    only_in_b = tuple(endpoint for place, endpoint in theirs.items() if place not in mine)
    if only_in_a or only_in_b:
        return MigrationDiffers(service, only_in_a, only_in_b)
    return MigrationAgrees(service, len(mine))


def _places(answer: Ready | Empty) -> dict[str, Endpoint]:
    return {endpoint.authority: endpoint for endpoint in answer.endpoints}


def _some(endpoints: tuple[Endpoint, ...]) -> str:
    shown = ", ".join(endpoint.authority for endpoint in endpoints[:SHOWN])
    more = ", ..." if len(endpoints) > SHOWN else ""
    return f" ({shown}{more})" if shown else ""


def _nothing() -> None:
    pass
