"""The services of a mesh that are in use, and the last lists of those that were.

Names come with calls and go when nothing calls them any more. A call that asks for a service just as it is released
gets one that lives: the fast path writes `used` and then reads `released`, the release writes `released` and then reads
`used`, so that at least one of the two sees the other (Dekker's algorithm); the lock decides the rest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.discovery.state_folder import MAX_AGE
from meshclient.model.snapshot import Failed, Ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import ref

    from meshclient.mesh.service import MeshService
    from meshclient.model.service import ServiceName

    Build = Callable[[ServiceName, Ready | None], MeshService]
    Host = tuple[str, str]


class Roster:
    """Services by name and by the hosts they were called by.

    Args:
        idle: seconds without use after which a service is released, or None for never. Those with endpoints of their
            own stay.
        sweeps: whether names are released as new ones come, since no watch asks for it (`release`).

    Attributes:
        services: by name; to be changed here only.
        resting: the lists of those that were released, with the time when, in the order of it.
    """

    def __init__(self, idle: float | None, *, sweeps: bool) -> None:
        self.services: dict[str, MeshService] = {}
        self.resting: dict[str, tuple[float, Ready]] = {}
        self._idle = idle
        self._sweeps = sweeps
        self._swept = time.monotonic()
        self._by_host: dict[Host, MeshService] = {}
        self._lock = fork_safe_lock()

    def called(self, host: Host) -> MeshService | None:
        """The service that was last called by this scheme and host, if it is in use; takes no lock."""
        found = self._by_host.get(host)
        if found is None:
            return None
        found.used = time.monotonic()
        return None if found.released else found

    def enter(self, name: ServiceName, build: Build, host: Host | None = None) -> MeshService:
        """The service called `name`, remembered under `host` too; made by `build` where it is not in use.

        `build` gets the list that is left from an earlier use, unless that was longer ago than a list may be on disk.
        """
        # Under the lock, or a service that `clear` has just ended might be remembered for ever.
        with self._lock:
            service = self.services.get(name.value)
            if service is None:
                if self._sweeps:
                    self._sweep()
                self._drop_old(time.monotonic())
                _, rested = self.resting.get(name.value, (0.0, None))
                service = self.services[name.value] = build(name, rested)
                self.resting.pop(name.value, None)
            service.used = time.monotonic()
            if host is not None:
                self._by_host[host] = service
            return service

    def release(self, name: str) -> float | None:
        """Forget the service `name` but for its list, unless it has just been used.

        Seconds until that may be asked for again, or None where it is forgotten.
        """
        with self._lock:
            return self._let_go(name)

    def clear(self) -> list[MeshService]:
        """Forget everything; the services that were in use."""
        with self._lock:
            services = list(self.services.values())
            for service in services:
                service.released = True
            self.services.clear()
            self._by_host.clear()
            self.resting.clear()
        return services

    # Below: only under the lock.

    def _sweep(self) -> None:
        now = time.monotonic()
        if self._idle is not None and now - self._swept >= self._idle:
            self._swept = now
            for name in [name for name, service in self.services.items() if not service.config.endpoints]:
                self._let_go(name)

    def _let_go(self, name: str) -> float | None:
        service = self.services.get(name)
        if service is None or self._idle is None:
            return None
        service.released = True
        left = service.used + self._idle - (now := time.monotonic())
        if left > 0:
            service.released = False
            return left
        del self.services[name]
        self._by_host = {host: each for host, each in self._by_host.items() if each is not service}
        latest = service.watch.course.snapshot
        last = latest.last if isinstance(latest, Failed) else latest
        self._drop_old(now)
        if isinstance(last, Ready):
            self.resting[name] = (now, last)
        return None

    def _drop_old(self, now: float) -> None:
        # By the time of the release and not of the list: where a registry tells of changes only, a list may have been
        # in use, and right, for days.
        while self.resting:
            name, (since, _) = next(iter(self.resting.items()))
            if now - since <= MAX_AGE:
                break
            del self.resting[name]


def expire(roster: ref[Roster], name: str) -> float | None:
    """As `Roster.release`, for a watch: weakly, or it would keep alive every mesh that nobody closed."""
    alive = roster()
    return None if alive is None else alive.release(name)
