"""The sidecar as its admin interface sees it: `meshclient.sidecar.admin.View`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from meshclient.model.snapshot import Pending
from meshclient.sidecar.admin.hearing import hear
from meshclient.sidecar.admin.view import NotOffered, set_loglevel
from meshclient.sidecar.configured import needed
from meshclient.sidecar.exposition import exposition
from meshclient.sidecar.preparation import OUTBOUND
from meshclient.telemetry.providers import release

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from meshclient.config.loaded import Loaded
    from meshclient.mesh.mesh import Mesh
    from meshclient.model.events import Event
    from meshclient.sidecar.sidecar import Sidecar


class Sight:
    """The view of `sidecar`.

    Args:
        sidecar: what is seen.
        leave: asks the process to end in order.
        number: of the worker, or None where there is only one process.
    """

    def __init__(self, sidecar: Sidecar, leave: Callable[[], Awaitable[object]], number: int | None) -> None:
        self._sidecar = sidecar
        self._leave = leave
        self._number = number
        self._began = time.monotonic()
        self._listeners: dict[Callable[[Event], None], Callable[[], None]] = {}

    @property
    def mesh(self) -> Mesh:
        """The one in use."""
        return self._sidecar.mesh

    def stats(self) -> Mapping[str, object]:
        """Of this process."""
        sidecar = self._sidecar
        proxies: dict[str, object] = {name: proxy.stats.as_dict() for name, proxy in sidecar.proxies.items()}
        if sidecar.envoy is not None:
            proxies[OUTBOUND] = sidecar.envoy.listener()
        found: dict[str, object] = {
            "pid": os.getpid(),
            "version": release(),
            "uptime_seconds": time.monotonic() - self._began,
            "worker": self._number,
            "ready": self.ready(),
            "draining": sidecar.draining,
            "listening": sidecar.addresses,
            "reload": sidecar.reloads.as_dict(),
            "proxies": proxies,
        }
        if sidecar.envoy is not None:
            found["envoy"] = sidecar.envoy.stats()
        if sidecar.entrance is not None:
            found["application"] = sidecar.entrance.stats()
        return found

    def metrics(self) -> str:
        """What this process counts beside its mesh, for Prometheus."""
        return exposition(self.stats())

    def calls(self, service: str) -> tuple[int, int] | None:
        """Those that Envoy carries."""
        return None if self._sidecar.envoy is None else self._sidecar.envoy.calls(service)

    def config(self) -> Loaded:
        """In use."""
        return self._sidecar.loaded

    def interfere(self) -> None:
        """Raises NotOffered where Envoy carries the calls, which keeps its own account of endpoints."""
        if self._sidecar.envoy is not None:
            msg = (
                "Envoy carries the calls here and knows nothing of this: take the instance out of its registry, or run "
                "the built-in data plane"
            )
            raise NotOffered(msg)

    def ready(self) -> bool:
        """Whether it listens, is not about to end, may call the application, and has asked for what it must know."""
        sidecar = self._sidecar
        if not sidecar.serving or sidecar.draining:
            return False
        if sidecar.entrance is not None and not sidecar.entrance.application.fit:
            return False
        if sidecar.envoy is not None and sidecar.envoy.stats()["pid"] is None:
            return False
        names = needed(sidecar.settings)
        return not any(isinstance(sidecar.mesh.service(name).snapshot, Pending) for name in names)

    def drain(self) -> Awaitable[object]:
        """As `View.drain`; the process ends then."""
        return self._leave()

    def loglevel(self, name: str, level: str) -> None:
        """As `View.loglevel`."""
        set_loglevel(name, level)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """As `View.subscribe`; a reload changes nothing for who listens."""
        self._listeners[callback] = hear(self.mesh, callback)

        def cease() -> None:
            if (stop := self._listeners.pop(callback, None)) is not None:
                stop()

        return cease

    def look_at(self, mesh: Mesh) -> None:
        """Another mesh is in use."""
        for callback, stop in list(self._listeners.items()):
            stop()
            self._listeners[callback] = hear(mesh, callback)
