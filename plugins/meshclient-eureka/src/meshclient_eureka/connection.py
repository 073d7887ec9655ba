"""One question to one Eureka server, and what to call its failure.

Every failure becomes a `EurekaError` here, so that the resolver and the registrar decide by its class alone and no text
they show can hold the password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.client import open_client
from meshclient.discovery.http_registry.question import Question, plain_http
from meshclient_eureka.errors import EurekaError, EurekaTimeout, EurekaUnreachable, status_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.model.endpoint import Endpoint
    from meshclient_eureka.options import EurekaOptions


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: the method, the path below the base with its escapes, the subject in words, a JSON body."""

    method: str
    path: str
    what: str
    body: Mapping[str, object] | None = None


class Connection:
    """Opens clients and puts questions with the credentials, time limit and TLS of the options.

    Args:
        options: the parsed URI.
        transport: what carries the requests instead of the network.
    """

    def __init__(self, options: EurekaOptions, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._transport = transport

    def open(self) -> httpx.AsyncClient:
        """A client for the running event loop; the caller closes it.

        Raises EurekaError where a PEM file is unusable.
        """
        options = self._options
        secure = any(server.scheme == "https" for server in options.servers)
        context = options.tls.context("Eureka", EurekaError) if secure else None
        # Eureka answers in XML unless it is asked for JSON.
        headers = {"Accept": "application/json"}
        return open_client(context, timeout=options.timeout, transport=self._transport, headers=headers)

    async def send(self, client: httpx.AsyncClient, server: Endpoint, request: Request) -> httpx.Response:
        """The complete answer where it is a success.

        A 401 is put to Eureka again with a password file's new content, where it has one. Raises EurekaStatus for any
        other status, EurekaTimeout and EurekaUnreachable where no complete answer comes.
        """
        login = self._options.login
        header = login.header()
        response = await self._exchange(client, server, request, header)
        if response.status_code == 401 and (fresh := login.reread()) != header:
            response = await self._exchange(client, server, request, fresh)
        if response.is_success:
            return response
        body = login.scrub(response.text)
        raise status_error(response.status_code, body, server.authority, request.what, login.words)

    async def _exchange(
        self, client: httpx.AsyncClient, server: Endpoint, request: Request, header: str
    ) -> httpx.Response:
        options = self._options
        url = server.url + options.path + request.path
        headers = {"Authorization": header} if header else {}
        asked = Question(
            f"Eureka at {server.authority}",
            f"{request.what} ({request.method} {url})",
            options.timeout,
            EurekaUnreachable,
            EurekaTimeout,
            hint=plain_http if server.scheme == "https" else None,
        )
        async with asked.timed():
            return await client.request(request.method, url, json=request.body, headers=headers)
