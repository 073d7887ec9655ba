"""Keeps the account of what Envoy does: its counters, and what becomes of each endpoint.

Both are brought to where the library has its own: refusals to the mesh's counters, attempts and ejections to its
balancers, which carry no calls here. So metrics, events, the log and the admin interface speak of them in the same
words.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from meshclient.errors import MeshError
from meshclient.sidecar.admin import balance_sheet
from meshclient.sidecar.envoy.admin import Host
from meshclient.sidecar.envoy.ledger import PATTERN, Ledger
from meshclient.telemetry.calls import PANIC, REJECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from meshclient.core.balance.node import Key
    from meshclient.mesh import Mesh
    from meshclient.model.endpoint import Endpoint
    from meshclient.sidecar.envoy.admin import EnvoyAdmin

# Seconds between two looks; and by how many times they are longer than a look takes, since Envoy answers beside work.
# However long that took: of a busy machine, or an Envoy that did not answer, something has to be known.
LOOK, _SHARE, _LONGEST = 1.0, 50.0, 10.0
# What the library counts too.
_NOTES = {"overloaded": (REJECTION, "overloaded"), "circuit_open": (REJECTION, "circuit_open"), "panic": (PANIC,)}
_OUT = ("ejected", "probing")
# Or known by a name, of which Envoy knows the addresses only.
_UNKNOWN = Host(0, 0, ejected=False)


class Account:
    """Of one plane.

    Args:
        admin: asks Envoy.
        mesh: the one in use.
        services: names of those that Envoy serves.
        starts: how often it was started again.

    Attributes:
        ledger: what was counted.
    """

    def __init__(
        self,
        admin: EnvoyAdmin,
        mesh: Callable[[], Mesh],
        services: Callable[[], Iterable[str]],
        starts: Callable[[], int],
    ) -> None:
        self._admin = admin
        self._mesh = mesh
        self._services = services
        self._starts = starts
        self._task: asyncio.Task[None] | None = None
        self.ledger = Ledger()

    def begin(self) -> None:
        """Look from time to time."""
        self._task = asyncio.create_task(self._keep(), name="envoy's account")

    async def aclose(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Bring it up to date. Raises httpx.HTTPError."""
        services, starts = set(self._services()), self._starts()
        grown = self.ledger.enter(await self._admin.stats(PATTERN), services, starts)
        mesh = self._mesh()
        for (name, what), count in grown.items():
            if count and what in _NOTES and (meter := mesh.tally.meter(name)) is not None:
                meter.noted(count, *_NOTES[what])
        hosts = await self._admin.hosts()
        for name in services & hosts.keys():
            _reflect(mesh, name, hosts[name])

    async def _keep(self) -> None:
        while True:
            began = time.monotonic()
            # It may be gone, or very busy.
            with suppress(httpx.HTTPError):
                await self.look()
            await asyncio.sleep(pause(time.monotonic() - began))


def pause(took: float) -> float:
    """Seconds until the next look, after one that took so many."""
    return max(LOOK, min(_LONGEST, _SHARE * took))


def _reflect(mesh: Mesh, name: str, hosts: Mapping[str, Host]) -> None:
    """Have the balancer of a service say of its endpoints what Envoy does with them."""
    try:
        service = mesh.service(name)
    except MeshError:
        # Closed a moment ago.
        return
    balancer, ejection, now = service.balancer, service.config.ejection, service.clock()
    counts: dict[Key, tuple[int, int]] = {}
    for part in balancer.status(now):
        host, key = hosts.get(_address(part.endpoint), _UNKNOWN), part.endpoint.key
        counts[key] = (host.good, host.bad)
        if host.ejected and part.state not in _OUT and ejection is not None:
            # Envoy does not say for how long, nor after how many failures: these are those of the first time.
            balance_sheet.eject(balancer, key, ejection.base, now, ejection.consecutive)
        elif not host.ejected and part.state in _OUT:
            balance_sheet.restore(balancer, now, key)
    balance_sheet.carried(balancer, counts)


def _address(endpoint: Endpoint) -> str:
    if endpoint.is_socket:
        return endpoint.host
    with suppress(ValueError):
        return f"{ipaddress.ip_address(endpoint.host)} {endpoint.port}"
    # Envoy knows the addresses behind a name, and not whose they are.
    return ""
