"""The copy of the registry that one event loop keeps: fetched in whole once, then carried on by deltas.

A delta is only believed on top of what the same server has said before, without a gap: Eureka's hash code counts
statuses, so that one instance gone and another come leave it as it was. After a failure, at another peer, and after a
pause that Eureka's memory of changes may not cover, the whole registry is fetched.
"""

from __future__ import annotations

import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_eureka.applications import Applications, decode_applications
from meshclient_eureka.connection import Request
from meshclient_eureka.errors import EurekaError, EurekaStatus, exhausted, payload_error
from meshclient_eureka.leases import overdue
from meshclient_eureka.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient.model.endpoint import Endpoint
    from meshclient_eureka.connection import Connection
    from meshclient_eureka.options import EurekaOptions

# Seconds. A server remembers changes for three minutes (retentionTimeInMSInDeltaQueue); its cache takes half of one.
DELTA_REACH = 120.0

_LOG = logging.getLogger("meshclient.discovery")
_WHAT = "the registry"
_FULL = Request("GET", "/apps", _WHAT)
_DELTA = Request("GET", "/apps/delta", "the changes of the registry")
# A server that does not offer deltas (eureka.server.disable-delta), or none of the kind that Eureka offers.
_NO_DELTAS = (403, 404)
# A server that wants fewer questions is not asked a bigger one at once.
_THROTTLED = (429, 503)
_SHOWN = 5


class Replica:
    """Fetches the registry from the first peer that answers, and stays with that peer while it does.

    Args:
        connection: puts the questions.
        options: the peers.
        clock: monotonic seconds.
    """

    def __init__(self, connection: Connection, options: EurekaOptions, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._options = options
        self._clock = clock
        self._place = 0
        self._registry: Registry | None = None
        self._at = 0.0
        self._deltas = True
        self._said: set[str] = set()

    async def fetch(self, client: httpx.AsyncClient) -> Registry:
        """The registry as of now.

        Raises EurekaError where no peer can be asked; an EurekaTimeout where one of them did not answer in time.
        """
        failures: list[EurekaError] = []
        for _ in self._options.servers:
            try:
                self._registry = await self._ask(client, self._options.servers[self._place])
            except EurekaError as exc:
                failures.append(exc)
                self._place = (self._place + 1) % len(self._options.servers)
                self._registry, self._deltas = None, True
            else:
                self._at = self._clock()
                return self._registry
        raise exhausted(_WHAT, failures)

    async def _ask(self, client: httpx.AsyncClient, server: Endpoint) -> Registry:
        if self._registry is not None and self._deltas and self._clock() - self._at < DELTA_REACH:
            registry = await self._carried_on(client, server, self._registry)
            if registry is not None:
                return registry
        answer, headers = await self._applications(client, server, _FULL)
        try:
            registry = Registry.of(answer)
        except PayloadError as exc:
            raise payload_error(server.authority, self._options.path + _FULL.path, exc) from None
        self._look_at(answer, registry, headers, server)
        return registry

    async def _carried_on(self, client: httpx.AsyncClient, server: Endpoint, held: Registry) -> Registry | None:
        """What a delta makes of the copy, or None where only the whole registry helps."""
        try:
            delta, _ = await self._applications(client, server, _DELTA)
            if delta.malformed:  # the hash code need not tell: a change may leave the status as it was
                return None
            registry = held.updated(delta)
        except EurekaStatus as exc:
            if exc.status in _THROTTLED:
                raise
            self._deltas = exc.status not in _NO_DELTAS
            return None
        except PayloadError:
            return None
        if registry.hash_code != delta.hash_code:
            _LOG.debug(
                "%s: a delta leads to %r and Eureka has %r: fetching the whole registry",
                self._options.source,
                registry.hash_code,
                delta.hash_code,
            )
            return None
        return registry

    async def _applications(
        self, client: httpx.AsyncClient, server: Endpoint, request: Request
    ) -> tuple[Applications, httpx.Headers]:
        response = await self._connection.send(client, server, request)
        try:
            return decode_applications(response.content), response.headers
        except PayloadError as exc:
            if request is _DELTA:
                raise
            raise payload_error(server.authority, self._options.path + request.path, exc) from None

    def _look_at(self, answer: Applications, registry: Registry, headers: httpx.Headers, server: Endpoint) -> None:
        """Say what is strange about a full answer, once for each kind of strangeness."""
        if answer.malformed:
            shown = "; ".join(answer.malformed[:_SHOWN])
            self._warn(
                "records", f"{len(answer.malformed)} records of the registry are malformed and left out: {shown}"
            )
        elif registry.hash_code != answer.hash_code:
            self._warn(
                "hash code",
                f"Eureka at {server.authority} counts {answer.hash_code!r} and lists {registry.hash_code!r}; "
                "while that is so, the whole registry is fetched each time",
            )
        late = overdue(answer.instances, _server_time(headers))
        if late:
            self._warn(
                "leases",
                f"Eureka at {server.authority} lists {len(late)} of {len(answer.instances)} instances whose leases "
                f"ended long ago ({', '.join(late[:_SHOWN])}): it is in self-preservation, and its lists may hold "
                "instances that are gone",
            )

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            _LOG.warning("%s: %s", self._options.source, text)


def _server_time(headers: httpx.Headers) -> float:
    """The server's clock in seconds; 0, when no lease can have ended yet, where it does not say."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
