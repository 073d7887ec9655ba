"""One question to one Consul server, and what to call its failure.

Every failure becomes a `ConsulError` here, so that the resolver and the registrar decide by its class alone and no text
they show can hold the token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.client import open_client
from meshclient.discovery.http_registry.question import Question, plain_http
from meshclient_consul.errors import ConsulError, ConsulUnreachable, Purpose, status_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.model.endpoint import Endpoint
    from meshclient_consul.options import ConsulOptions


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: the method, the path with its escapes, parameters, a JSON body, and the purpose in words."""

    method: str
    path: str
    purpose: Purpose
    params: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None


class Connection:
    """Opens clients and puts questions with the token, time-outs and TLS of the options.

    Args:
        options: the parsed URI.
        transport: what carries the requests instead of the network.
    """

    def __init__(self, options: ConsulOptions, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._transport = transport

    def open(self) -> httpx.AsyncClient:
        """A client for the running event loop; the caller closes it.

        Raises ConsulError where a PEM file is unusable.
        """
        options = self._options
        secure = any(server.scheme == "https" for server in options.servers)
        context = options.tls.context("Consul", ConsulError) if secure else None
        return open_client(context, timeout=options.timeout, transport=self._transport)

    async def send(
        self, client: httpx.AsyncClient, server: Endpoint, request: Request, *, limit: float | None = None
    ) -> httpx.Response:
        """The complete answer, whatever its status, within `limit` seconds (default: the option `timeout`).

        A 403 is put to Consul again with a token file's new content, where it has one. Raises ConsulUnreachable
        where no answer comes.
        """
        seconds = self._options.timeout if limit is None else limit
        token = self._options.token.read()
        response = await self._exchange(client, server, request, token, seconds)
        if response.status_code == 403 and (fresh := self._options.token.reread()) != token:
            response = await self._exchange(client, server, request, fresh, seconds)
        return response

    def error(self, response: httpx.Response, server: Endpoint, request: Request) -> ConsulError:
        """The error that this answer stands for."""
        token = self._options.token
        body = token.scrub(response.text)
        return status_error(response.status_code, body, server.authority, request.purpose, token.origin)

    async def _exchange(
        self, client: httpx.AsyncClient, server: Endpoint, request: Request, token: str, seconds: float
    ) -> httpx.Response:
        headers = {"X-Consul-Token": token} if token else {}
        what = f"{request.purpose.what} ({request.method} {server.url}{request.path})"
        hint = plain_http if server.scheme == "https" else None
        async with Question(f"Consul at {server.authority}", what, seconds, ConsulUnreachable, hint=hint).timed():
            return await client.request(
                request.method, server.url + request.path, params=request.params, json=request.body, headers=headers
            )
