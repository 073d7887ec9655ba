"""The registrar ``eureka://``: an instance in Eureka, with a lease that is renewed from here.

Peers replicate to each other, so that any of them takes a registration, a renewal or a farewell; the one that answered
last is asked first. Nothing stays open between calls, which are seconds apart and may come from another event loop
after a fork.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from meshclient.registration.registrar import LeaseLost
from meshclient_eureka.applications import STATUSES
from meshclient_eureka.connection import Connection, Request
from meshclient_eureka.definition import instance_definition, instance_id
from meshclient_eureka.errors import EurekaError, EurekaStatus, exhausted
from meshclient_eureka.options import EurekaOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.registration.registrar import Registration

_UNKNOWN = 404


class EurekaRegistrar:
    """Lists instances in Eureka, under a lease of the registration's ttl.

    Eureka itself checks nobody: a health path is written into the record for people and other clients, and the renewals
    keep the instance listed. A lease that is no longer renewed ends after twice its time.

    Args:
        uri: the same URI as the resolver's; ``propagation`` matters here alone.
        transport: what carries the requests instead of the network.

    Attributes:
        propagation: seconds until readers no longer see an instance that was taken out: those of the server's response
            cache and of a reader's interval.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(self, uri: ResolverUri, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = EurekaOptions.parse(uri)
        self.source = self._options.source
        self.propagation = self._options.propagation
        self._connection = Connection(self._options, transport)
        self._place = 0

    async def register(self, registration: Registration) -> None:
        """List the instance as UP, in place of what Eureka has under this id; a status override stays in force.

        Raises EurekaError where no peer takes it, and for an id that cannot stand in a path.
        """
        body = instance_definition(registration)
        await self._ask("POST", f"/apps/{_app(registration)}", registration, body)

    async def renew(self, registration: Registration) -> None:
        """Renew the lease. Raises LeaseLost where Eureka does not know it, EurekaError for any other failure."""
        await self._tell("PUT", _path(registration), registration)

    async def override(self, registration: Registration, status: str | None) -> None:
        """Let Eureka list the instance under another status, as an operator does, until this is taken back.

        An override outlasts renewals and a new registration; the end of the lease ends it too.

        Args:
            registration: the instance.
            status: OUT_OF_SERVICE, DOWN, STARTING, UNKNOWN or UP; None takes the override back.

        Raises ValueError for another status, LeaseLost where Eureka does not know the instance, EurekaError for any
        other failure.
        """
        if status is not None and status not in STATUSES:
            raise ValueError(f"{status!r} is not a status of Eureka: use {', '.join(sorted(STATUSES))}, or None")
        method, value = ("DELETE", "UP") if status is None else ("PUT", status)
        await self._tell(method, f"{_path(registration)}/status?value={value}", registration)

    async def deregister(self, registration: Registration) -> None:
        """Take the instance out; a server that does not know it is content."""
        with contextlib.suppress(LeaseLost):
            await self._tell("DELETE", _path(registration), registration)

    async def close(self) -> None:
        """Nothing is held between calls."""

    async def _tell(self, method: str, path: str, registration: Registration) -> None:
        """As `_ask`, of an instance that should be listed; raise LeaseLost where it is not."""
        try:
            await self._ask(method, path, registration)
        except EurekaStatus as exc:
            if exc.status != _UNKNOWN:
                raise
            raise LeaseLost(str(exc)) from None

    async def _ask(
        self, method: str, path: str, registration: Registration, body: Mapping[str, object] | None = None
    ) -> None:
        """Put the question to one peer after the other until one knows the answer, be it 404."""
        what = f"instance {instance_id(registration)!r} of service '{registration.service}'"
        request = Request(method, path, what, body)
        failures: list[EurekaError] = []
        async with self._connection.open() as client:
            for _ in self._options.servers:
                try:
                    await self._connection.send(client, self._options.servers[self._place], request)
                except EurekaError as exc:
                    if isinstance(exc, EurekaStatus) and exc.status == _UNKNOWN:
                        raise
                    failures.append(exc)
                    self._place = (self._place + 1) % len(self._options.servers)
                else:
                    return
        raise exhausted(what, failures)


def _app(registration: Registration) -> str:
    return quote(registration.service.value.upper(), safe="")


def _path(registration: Registration) -> str:
    return f"/apps/{_app(registration)}/{quote(instance_id(registration), safe='')}"
