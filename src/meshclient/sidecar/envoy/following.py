"""The services of a mesh that Envoy is to serve, followed one by one."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.errors import MeshError
from meshclient.mesh.policies import in_view
from meshclient.model.snapshot import Failed
from meshclient.sidecar.envoy.scope import throttled
from meshclient.sidecar.envoy.served import Served
from meshclient.sidecar.envoy.transport import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from meshclient.mesh import Mesh

_LOG = logging.getLogger("meshclient.envoy")
# Seconds between two readings of a list that does not change: a service that is read is in use, and is not released. So
# are the files of certificates looked at.
_READ = 30.0
# Seconds before a watch that ended is begun anew.
_AGAIN = 0.1
_NONE: Mapping[str, Served] = MappingProxyType({})


class Following:
    """Keeps the list of each service up to date; used on one event loop.

    Args:
        mesh: knows the lists.
        changed: called when a list is another.
        before: what was known of services until now, which holds for as long as `mesh` knows nothing of them.

    Attributes:
        served: what is known, by name; a service whose registry has not answered yet has no endpoint.
    """

    def __init__(self, mesh: Mesh, changed: Callable[[], None], before: Mapping[str, Served] = _NONE) -> None:
        self.served: dict[str, Served] = {}
        self._before = before
        self._mesh = mesh
        self._changed = changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._answered: dict[str, asyncio.Event] = {}
        self._seed = str(random.random())

    def follow(self, names: Iterable[str]) -> None:
        """Follow these too."""
        for name in names:
            if name not in self._tasks:
                config = self._mesh.service(name).config
                known = self._before[name].listed if name in self._before else ()
                self.served[name] = Served(
                    name, config, known, throttled(self._mesh.loaded, name), certificates(config.tls)
                )
                self._answered[name] = asyncio.Event()
                self._tasks[name] = asyncio.create_task(self._follow(name), name=f"envoy's {name}")

    async def answered(self, timeout: float) -> None:
        """Wait until there was an answer for each, or `timeout` seconds passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                for event in list(self._answered.values()):
                    await event.wait()

    async def answer(self, name: str, timeout: float) -> bool:
        """Whether there was an answer for this one within `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._answered[name].wait()
        return self._answered[name].is_set()

    async def aclose(self) -> None:
        """Follow none."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, name: str) -> None:
        while True:
            try:
                service = self._mesh.service(name)
                snapshot = service.snapshot
                config = service.config
                served = replace(self.served[name], config=config, certificates=certificates(config.tls))
                if not isinstance(snapshot, Failed) or snapshot.last is not None:
                    listed = in_view(config.subset, snapshot.endpoints, self._seed)
                    served = replace(served, listed=tuple(listed))
                self._take(served, pending=snapshot.state == "pending")
                await service.watch.wait_async(snapshot, _READ)
            except MeshError as exc:
                _LOG.debug("%s: %s", name, exc)
                await asyncio.sleep(_AGAIN)

    def _take(self, served: Served, *, pending: bool) -> None:
        # A watch that begins anew knows nothing for a moment, which is no reason to forget.
        if pending:
            return
        first = not self._answered[served.name].is_set()
        self._answered[served.name].set()
        if first or served != self.served[served.name]:
            self.served[served.name] = served
            self._changed()
