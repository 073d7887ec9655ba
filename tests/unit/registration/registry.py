"""A registry in memory, and checks of the own instance that end as told."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.lease import Lease
from meshclient.registration.probe import NotReady
from meshclient.registration.registrar import LeaseLost, Registration

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.registration.seat import Seat
    from meshclient.registration.terms import Terms

BOUND = 60.0
MINE = Registration(ServiceName("orders"), Endpoint("10.0.0.1", 8080, id="orders-1"), ttl=0.03)
CHECKED = Registration(MINE.service, MINE.endpoint, health="/healthz", ttl=0.03)
WHO = "fake://registry: orders at http://10.0.0.1:8080"


class Registry:
    """What is listed, and everything that was said; waits for the moment when something holds."""

    source = "fake://registry"

    def __init__(self, *, propagation: float = 0.0, checks_health: bool | None = None) -> None:
        self.propagation = propagation
        if checks_health is not None:
            self.checks_health = checks_health
        self.listed: set[str] = set()
        self.said: list[str] = []
        self.down = False
        self._more = threading.Condition()

    async def register(self, registration: Registration) -> None:
        self._say("register")
        self.listed.add(registration.endpoint.id)

    async def renew(self, registration: Registration) -> None:
        self._say("renew")
        if registration.endpoint.id not in self.listed:
            raise LeaseLost

    async def deregister(self, registration: Registration) -> None:
        self._say("deregister")
        self.listed.discard(registration.endpoint.id)

    async def close(self) -> None:
        self._say("close")

    def _say(self, word: str) -> None:
        with self._more:
            self.said.append(word)
            self._more.notify_all()
        if self.down and word != "close":
            raise OSError("no route to host")

    def until(self, accept: Callable[[], bool]) -> None:
        """Wait for it to hold after a word to the registry."""
        with self._more:
            assert self._more.wait_for(accept, BOUND), self.said

    def renewed(self, times: int) -> None:
        """Wait for so many further renewals."""
        wanted = self.said.count("renew") + times
        self.until(lambda: self.said.count("renew") >= wanted)

    @property
    def turns(self) -> list[str]:
        """What was said, without renewals."""
        return [word for word in self.said if word != "renew"]


class Checks:
    """In place of `probe`: passes or fails as `ready` says, and counts."""

    def __init__(self, *, ready: bool = False) -> None:
        self.ready = ready
        self.script: list[bool] = []
        self.asked: list[tuple[Endpoint, str]] = []
        self._more = threading.Condition()

    async def __call__(self, endpoint: Endpoint, path: str, timeout: float) -> None:
        assert timeout > 0
        with self._more:
            passes = self.script.pop(0) if self.script else self.ready
            self.asked.append((endpoint, path))
            self._more.notify_all()
        if not passes:
            raise NotReady("GET /healthz answered 503")

    def until(self, times: int) -> None:
        """Wait for so many further checks."""
        with self._more:
            wanted = len(self.asked) + times
            assert self._more.wait_for(lambda: len(self.asked) >= wanted, BOUND), len(self.asked)


def enter(
    registry: Registry,
    registration: Registration = MINE,
    terms: Terms | None = None,
    *,
    seat: Seat | None = None,
    timeout: float = BOUND,
) -> Lease:
    """A lease that makes haste."""
    return Lease(registry, registration, rng=random.Random(1), terms=terms, seat=seat, timeout=timeout)


def closes_soon(lease: Lease, *, linger: bool = False, within: float = BOUND) -> bool:
    """Whether closing returns by itself and not for want of patience."""
    thread = threading.Thread(target=lambda: lease.close(linger=linger), daemon=True)
    thread.start()
    thread.join(within)
    return not thread.is_alive()


def close_all(leases: list[Lease]) -> None:
    """Leave nothing behind."""
    for lease in leases:
        with suppress(RuntimeError):
            lease.close()
