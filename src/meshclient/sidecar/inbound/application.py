"""Whether the local application may be called, by looking at it from here.

The rule is that of registration (`meshclient.registration.fitness`): one failed look is no news, three in a row are,
and the first that passes counts at once. Before the first, the application is not there yet.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.model.listening import Listening
from meshclient.registration.fitness import Fitness
from meshclient.registration.probe import NotReady, probe

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger("meshclient.sidecar")
# Seconds for one look.
TIMEOUT = 2.0


class Application:
    """The application behind the inbound listener; looked at from the start of `look_on` to `aclose`.

    Args:
        address: where it listens.
        path: answers 2xx while it may be called; empty for a connection to it.
        interval: seconds between two looks at one that is fit; less where it is not.
        changed: called on the loop when `fit` has changed.

    Attributes:
        fit: whether it may be called.
        reason: why not, for a person; empty where it may.
    """

    def __init__(self, address: str, path: str, interval: float, changed: Callable[[], None]) -> None:
        self.address = Listening.parse(address)
        self.path = path
        self.reason = "it has not been looked at yet"
        self._interval = interval
        self._changed = changed
        self._fitness = Fitness(fit=False)
        self._looking: asyncio.Task[None] | None = None

    @property
    def fit(self) -> bool:
        """As above."""
        return self._fitness.fit

    async def look(self) -> None:
        """Look once; returns within `TIMEOUT` seconds."""
        before = self._fitness.fit
        try:
            await self._try()
            self._fitness, self.reason = self._fitness.passed(), ""
        except NotReady as exc:
            self._fitness, self.reason = self._fitness.failed(), str(exc)
        if self._fitness.fit != before:
            level = logging.INFO if self.fit else logging.WARNING
            _LOG.log(level, "the application at %s %s", self.address, self._said)
            self._changed()

    def go_on_from(self, before: Application) -> None:
        """One that was looked at until now: where it is the same and was fit, one look that failed is no news."""
        if (self.address, self.path) == (before.address, before.path) and before.fit and not self.fit:
            self._fitness, self.reason = before._fitness, before.reason

    def look_on(self) -> None:
        """Look again and again from now on."""
        self._looking = asyncio.create_task(self._look_on())

    async def aclose(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._interval if self.fit else min(self._interval, self._fitness.pause))
            await self.look()

    async def _try(self) -> None:
        address = self.address
        endpoint = Endpoint(address.path, 0, is_socket=True) if address.path else Endpoint(address.host, address.port)
        await probe(endpoint, self.path, TIMEOUT)

    @property
    def _said(self) -> str:
        return "may be called" if self.fit else f"is not called any more: {self.reason}"
