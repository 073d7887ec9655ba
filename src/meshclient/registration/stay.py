"""What goes on between entering a registry and having left it, as one coroutine on the discovery loop.

The order of a life: be the one worker of this host that registers (`seat`); be ready (`fitness`); enter; say that one
lives, and enter again when forgotten; leave. The order of leaving: out of the registry, wait until readers have
noticed, wait for the requests in flight. Only then may the server stop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import JITTER
from meshclient.discovery.runtime.in_place import InPlaceExecutor
from meshclient.discovery.supervision import BACKOFF_FIRST, BACKOFF_LIMIT, describe
from meshclient.registration.fitness import PAUSE_LIMIT, Fitness
from meshclient.registration.probe import NotReady, probe
from meshclient.registration.registrar import LeaseLost

if TYPE_CHECKING:
    from meshclient.discovery.resolver import Chance
    from meshclient.registration.registrar import Registrar, Registration
    from meshclient.registration.seat import Seat
    from meshclient.registration.terms import Terms

_LOG = logging.getLogger("meshclient.registration")

# Two renewals may be lost before the registry's own time runs out.
RENEWALS_PER_TTL = 3
# Seconds given to the registry for the farewell; the process may be on its way out.
LEAVE_TIMEOUT = 3.0
# Seconds given to the registrar to release its connections.
CLOSE_TIMEOUT = 0.5
# Seconds between two tries to become the one that registers; up to half less.
SEAT_PAUSE = 1.0
# Seconds for a health check of the own instance, at most.
PROBE_LIMIT = 10.0
# Seconds between two looks at the requests in flight.
DRAIN_PAUSE = 0.05


class Stay:
    """One instance's life in one registry; `run` it once.

    Args:
        registrar: writes to the registry; closed at the end.
        registration: the instance.
        terms: how it enters and leaves.
        seat: shared by those on this host that would register the same instance, or None.
        rng: jitter and back-off.

    Attributes:
        listed: whether this process has the instance listed, as far as is known here.
        elsewhere: whether another worker of this host has it listed, and this one waits for its place.
        entered: resolved when the instance is listed, or when it turns out that this takes more than a registry that
            answers: the instance is not ready, or another worker has it listed.
        out: resolved when the instance is out of the registry.
        linger: whether to wait, after that, for readers and for requests in flight; may be set until it leaves.
    """

    def __init__(
        self, registrar: Registrar, registration: Registration, terms: Terms, seat: Seat | None, rng: Chance
    ) -> None:
        self.listed = threading.Event()
        self.elsewhere = threading.Event()
        self.entered: Future[None] = Future()
        self.out: Future[None] = Future()
        self.linger = False
        self._registrar = registrar
        self._registration = registration
        self._terms = terms
        self._seat = seat
        self._rng = rng
        self._between = registration.ttl / RENEWALS_PER_TTL
        self._bound = BACKOFF_FIRST
        self._troubled = False
        self._fitness = Fitness(fit=not terms.wait_ready)
        self._unfit_told = False
        # A registry with no checks of its own knows no more of the instance than it is told.
        self._checked = bool(registration.health) and not getattr(registrar, "checks_health", False)
        # Whether the registry may hold the instance, also where an answer was lost, or by another worker's doing.
        self._known = False

    async def run(self) -> None:
        """Live, until cancelled."""
        try:
            await self._sit_down()
            while True:
                pause = await self._turn()
                await asyncio.sleep(pause)
        finally:
            await self._leave()

    async def _sit_down(self) -> None:
        try:
            await self._seated()
        finally:
            self.elsewhere.clear()

    async def _seated(self) -> None:
        while self._seat is not None and not self._seat.take():
            if not self.entered.done():
                _LOG.info("%s: another worker on this host has it registered", self._who)
            self._known = True
            self.elsewhere.set()
            self._tell_entered()
            await asyncio.sleep(self._rng.uniform(SEAT_PAUSE / 2, SEAT_PAUSE))

    async def _turn(self) -> float:
        """Do what is due; the seconds until something is due again."""
        fit = await self._fit()
        if not fit and not self.listed.is_set():
            return self._until_next_check()
        try:
            await (self._speak() if fit else self._step_back())
        except Exception as exc:  # noqa: BLE001 - whatever it is, the service must go on
            if not self._troubled:
                aim = "taken out" if not fit else "renewed" if self.listed.is_set() else "registered"
                self._warn(f"cannot be {aim}: {describe(exc)}")
            self._troubled, pause = True, self._rng.uniform(self._bound / 2, self._bound)
            # No longer than between renewals, which a registry bears anyway: an outage is over that soon.
            self._bound = min(BACKOFF_LIMIT, max(BACKOFF_FIRST, self._between), self._bound * 2)
            return pause
        if self._troubled and fit:
            self._warn("is registered")
        self._bound, self._troubled = BACKOFF_FIRST, False
        return self._between * self._rng.uniform(1 - JITTER, 1 + JITTER) if fit else self._until_next_check()

    def _until_next_check(self) -> float:
        return self._rng.uniform(self._fitness.pause / 2, self._fitness.pause)

    async def _fit(self) -> bool:
        before = self._fitness
        if before.fit and not self._checked:
            return True
        try:
            await probe(
                self._registration.endpoint, self._registration.health, min(PROBE_LIMIT, max(1.0, self._between))
            )
        except NotReady as exc:
            self._fitness = before.failed()
            if before.fit and not self._fitness.fit:
                self._unfit_told = True
                self._warn(f"is taken out until its health check passes again: {exc}")
            # Later than it takes most servers to start.
            elif not self._fitness.fit and not self._unfit_told and self._fitness.pause >= PAUSE_LIMIT:
                self._unfit_told = True
                self._warn(f"is not registered until its health check passes: {exc}")
            self._tell_entered()
        else:
            self._fitness = before.passed()
            if self._unfit_told:
                self._unfit_told = False
                self._warn("passes its health check")
        return self._fitness.fit

    async def _speak(self) -> None:
        self._known = True
        if self.listed.is_set():
            try:
                await self._registrar.renew(self._registration)
            except LeaseLost:
                self._warn("is no longer listed: registering again")
                self.listed.clear()
        if not self.listed.is_set():
            await self._registrar.register(self._registration)
            self.listed.set()
            self._tell_entered()

    async def _step_back(self) -> None:
        await self._registrar.deregister(self._registration)
        self.listed.clear()

    async def _leave(self) -> None:
        if not threading.main_thread().is_alive():
            asyncio.get_running_loop().set_default_executor(InPlaceExecutor())
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                last = self._seat is None or await self._seat.leave()
                # Also when not known to be listed: a registration whose answer was lost may have been made.
                if last and self._known:
                    await self._registrar.deregister(self._registration)
        except Exception as exc:  # noqa: BLE001 - nobody is left to handle it
            self._warn("could not be taken out: " + describe(exc))
        finally:
            self.listed.clear()
            if self._seat is not None:
                self._seat.release()
            await self._close()
            self._tell_entered()
            self.out.set_result(None)
        if self.linger:
            await self._linger()

    async def _close(self) -> None:
        # A plugin that fails here must not cost callers the time that follows.
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._registrar.close()
        except Exception as exc:  # noqa: BLE001 - nobody is left to handle it
            self._warn("its connections could not be closed: " + describe(exc))

    async def _linger(self) -> None:
        wished = self._terms.propagation
        # What was never listed has no callers by that list.
        if self._known:
            await asyncio.sleep(self._registrar.propagation if wished is None else wished)
        in_flight = self._terms.in_flight
        if in_flight is None:
            return
        try:
            async with asyncio.timeout(self._terms.grace):
                while in_flight():  # noqa: ASYNC110 - counted in another thread
                    await asyncio.sleep(DRAIN_PAUSE)
        except TimeoutError:
            self._warn(f"leaves with {in_flight()} requests in flight, after {self._terms.grace:g} s of grace")

    def _tell_entered(self) -> None:
        if not self.entered.done():
            self.entered.set_result(None)

    @property
    def _who(self) -> str:
        return f"{self._registrar.source}: {self._registration.service} at {self._registration.endpoint}"

    def _warn(self, what: str) -> None:
        _LOG.warning("%s %s", self._who, what)
