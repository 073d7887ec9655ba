"""An instance's stay in a registry: entered, kept alive, entered again when forgotten, and left.

A registrar plugin holds the registry's protocol; when to speak it is decided here, once for all registries. The lease
runs on the discovery thread and never raises into the application: a service that cannot reach its registry serves on,
says so in the log and goes on trying. A forked child does not continue its parent's lease, so that pre-fork workers
do not register one instance many times.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from concurrent.futures import wait as wait_for_all
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import JITTER
from meshclient.discovery.runtime.in_place import InPlaceExecutor
from meshclient.discovery.runtime.loop import background
from meshclient.discovery.supervision import BACKOFF_FIRST, BACKOFF_LIMIT, describe
from meshclient.registration.registrar import LeaseLost

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.discovery.resolver import Chance
    from meshclient.registration.registrar import Registrar, Registration

_LOG = logging.getLogger("meshclient.registration")

# Two renewals may be lost before the registry's own time runs out.
RENEWALS_PER_TTL = 3
# Seconds given to the registry for the farewell; the process may be on its way out.
LEAVE_TIMEOUT = 3.0


class Lease:
    """A registration that lasts until `close`, the end of a ``with`` block, or the end of the process.

    Args:
        registrar: writes to the registry; closed with the lease.
        registration: the instance.
        rng: jitter of renewals and back-off.
        timeout: seconds to wait for the first registration; it goes on in the background after that.
    """

    def __init__(self, registrar: Registrar, registration: Registration, *, rng: Chance, timeout: float = 5.0) -> None:
        self.registration = registration
        self._registrar = registrar
        self._rng = rng
        self._between = registration.ttl / RENEWALS_PER_TTL
        self._listed = threading.Event()
        self._loop = background()
        self._job = self._loop.run(self._stay, survives_fork=False)
        atexit.register(self.close)
        if not self._listed.wait(timeout):
            _LOG.warning("%s is not registered at %s yet; trying on", registration.endpoint, registrar.source)

    @property
    def listed(self) -> bool:
        """Whether the registry has the instance, as far as is known here."""
        return self._listed.is_set()

    def close(self) -> None:
        """Take the instance out of the registry; returns when it is out, or after a few seconds."""
        atexit.unregister(self.close)
        self._loop.cancel(self._job)
        wait_for_all([self._job.ended], LEAVE_TIMEOUT + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _stay(self) -> None:
        bound, troubled = BACKOFF_FIRST, False
        try:
            while True:
                try:
                    await self._speak()
                except Exception as exc:  # noqa: BLE001 - whatever it is, the service must go on
                    if not troubled:
                        self._warn(f"cannot be {'renewed' if self.listed else 'registered'}: {describe(exc)}")
                    troubled, pause = True, self._rng.uniform(bound / 2, bound)
                    # No longer than between renewals, which a registry bears anyway: an outage is over that soon.
                    bound = min(BACKOFF_LIMIT, max(BACKOFF_FIRST, self._between), bound * 2)
                else:
                    if troubled:
                        self._warn("is registered")
                    bound, troubled = BACKOFF_FIRST, False
                    pause = self._between * self._rng.uniform(1 - JITTER, 1 + JITTER)
                await asyncio.sleep(pause)
        finally:
            await self._leave()

    async def _speak(self) -> None:
        if self._listed.is_set():
            try:
                await self._registrar.renew(self.registration)
            except LeaseLost:
                self._warn("is no longer listed: registering again")
                self._listed.clear()
        if not self._listed.is_set():
            await self._registrar.register(self.registration)
            self._listed.set()

    async def _leave(self) -> None:
        if not threading.main_thread().is_alive():
            asyncio.get_running_loop().set_default_executor(InPlaceExecutor())
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                # Also when not known to be listed: a registration whose answer was lost may have been made.
                await self._registrar.deregister(self.registration)
        except Exception as exc:  # noqa: BLE001 - nobody is left to handle it
            self._warn("could not be taken out: " + describe(exc))
        finally:
            self._listed.clear()
            await self._registrar.close()

    def _warn(self, what: str) -> None:
        _LOG.warning(
            "%s: %s at %s %s", self._registrar.source, self.registration.service, self.registration.endpoint, what
        )
