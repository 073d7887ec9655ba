"""The resolver ``consul://``: blocking queries on the health endpoint, over one or more servers.

Each watch walks on its own: it asks at once, then blocks on the index it was given. A server that fails is left for
the next one, where the walk starts over, because another server's index may stand elsewhere; only when all have failed
in a row is it an outage, which the runtime that drives the watch then handles.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.complaints import Complaints
from meshclient.discovery.http_registry.fields import PayloadError, document
from meshclient.model.snapshot import Empty, listing
from meshclient_consul.blocking import Cursor, Pace
from meshclient_consul.connection import Connection, Request
from meshclient_consul.decode import HealthAnswer, decode_health
from meshclient_consul.errors import ConsulDenied, ConsulError, Purpose, denied, exhausted, payload_error
from meshclient_consul.options import ConsulOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import httpx

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Ready

_CATALOGUE = Purpose("the list of services", "service:read on every service that is to be listed")


class ConsulResolver:
    """Resolves names with Consul's health endpoint.

    Critical instances and those in maintenance are left out; those with a warning stay, with the weight that Consul
    holds for that state. A service without a single registration is `Empty(exists=False)`.

    Args:
        uri: ``consul://host:8500[,host:8500]?...``; the options stand in this distribution's README.
        environ: where Consul's own variables are read, once, instead of the process's environment.
        clock: monotonic seconds, for the pace of questions.
        transport: what carries the requests instead of the network.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = ConsulOptions.parse(uri, os.environ if environ is None else environ)
        self.source = self._options.source
        self._connection = Connection(self._options, transport)
        self._clock = clock
        self._preferred = 0
        self._complaints = Complaints(self.source)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        """Yield the list, then again after each change and after each wait without one.

        Raises ConsulDenied where the access rules refuse the question and ConsulError where no server answers.
        """
        cursor, pace = Cursor(), Pace()
        place, said, idle = self._preferred, None, False
        async with self._connection.open() as client:
            while True:
                delay, pace = pace.take(self._clock(), cursor.pause, idle=idle)
                await asyncio.sleep(delay)
                answer, cursor, place = await self._answer(client, name, cursor, place)
                idle, said = answer == said, answer
                yield answer

    async def names(self) -> list[str]:
        """The services of the datacenter that the token may see, from the first server that answers.

        Raises ConsulError where none does, and ConsulDenied where the access rules refuse the question.
        """
        request = Request("GET", "/v1/catalog/services", _CATALOGUE, self._options.query)
        failures: list[ConsulError] = []
        async with self._connection.open() as client:
            for server in self._options.servers:
                try:
                    response = await self._connection.send(client, server, request)
                    if response.status_code != 200:
                        raise self._connection.error(response, server, request)
                    return list(document(response.content))
                except ConsulDenied:
                    raise
                except ConsulError as exc:
                    failures.append(exc)
                except PayloadError as exc:
                    failures.append(payload_error(server.authority, f"{server.url}{request.path}", _CATALOGUE, exc))
        raise exhausted(_CATALOGUE, failures)

    async def _answer(
        self, client: httpx.AsyncClient, name: ServiceName, cursor: Cursor, place: int
    ) -> tuple[Ready | Empty, Cursor, int]:
        """The answer of the server at `place`, or else of the first of the others that has one."""
        failures: list[ConsulError] = []
        for _ in self._options.servers:
            try:
                answer, cursor = await self._ask(client, name, cursor, self._options.servers[place])
            except ConsulDenied:
                raise
            except ConsulError as exc:
                failures.append(exc)
                place = self._leave(place)
                cursor = Cursor()
            else:
                return answer, cursor, place
        raise exhausted(_purpose(name), failures)

    def _leave(self, place: int) -> int:
        """The place to ask after a failure at `place`: where another watch has gone already, or the next."""
        if self._preferred == place:
            self._preferred = (place + 1) % len(self._options.servers)
        return self._preferred

    async def _ask(
        self, client: httpx.AsyncClient, name: ServiceName, cursor: Cursor, server: Endpoint
    ) -> tuple[Ready | Empty, Cursor]:
        options = self._options
        params, limit = (*options.query, *options.narrowing), options.timeout
        if cursor.index:
            params += (("index", str(cursor.index)), ("wait", f"{max(1, round(options.wait * 1000))}ms"))
            # Consul spreads the ends of waits by a sixteenth, so that its clients do not come back all at once.
            limit += options.wait * (1 + 1 / 16)
        answer, headers = await self._listed(client, name, params, server, limit)
        exists = bool(answer.listed)
        if not exists and options.narrowing:
            everything, _ = await self._listed(client, name, options.query, server, options.timeout)
            exists = bool(everything.listed)
        self._complaints.left_out(name, answer.malformed, answer.listed)
        return (
            listing(answer.endpoints, source=self.source, exists=exists, left_out=answer.left_out),
            cursor.advance(headers.get("X-Consul-Index")),
        )

    async def _listed(
        self,
        client: httpx.AsyncClient,
        name: ServiceName,
        params: tuple[tuple[str, str], ...],
        server: Endpoint,
        limit: float,
    ) -> tuple[HealthAnswer, httpx.Headers]:
        """One answer of the health endpoint. Raises ConsulError for anything else."""
        request = Request("GET", f"/v1/health/service/{name}", _purpose(name), params)
        response = await self._connection.send(client, server, request, limit=limit)
        if response.status_code != 200:
            raise self._connection.error(response, server, request)
        try:
            answer = decode_health(response.content, scheme=self._options.endpoint_scheme)
        except PayloadError as exc:
            url = f"{server.url}{request.path}"
            raise payload_error(server.authority, url, request.purpose, exc) from None
        # Consul 1.11 and later tell "there is nothing" from "there is nothing you may see"; 1.8 does not.
        if not answer.listed and response.headers.get("X-Consul-Results-Filtered-By-ACLs") == "true":
            said = "all of its results are hidden by ACLs"
            raise denied(server.authority, request.purpose, self._options.token.origin, said)
        return answer, response.headers


def _purpose(name: ServiceName) -> Purpose:
    return Purpose(f"service '{name}'", f"service:read on '{name}' and node:read on its nodes")
