"""One question to the API server, and what to call its failure.

Every failure becomes a `KubernetesError` here, so that the resolver decides by its class alone and no text it shows can
hold the token. Connections are probed by the kernel: a watch is silent for minutes, and a peer that has vanished
without a word would go unnoticed for as long.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx

from meshclient.discovery.http_registry.client import open_client
from meshclient.discovery.http_registry.fields import PayloadError, document
from meshclient.discovery.http_registry.question import Question
from meshclient_kubernetes.errors import KubernetesError, KubernetesUnreachable, Purpose, Refusal
from meshclient_kubernetes.events import decode_status
from meshclient_kubernetes.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient_kubernetes.options import KubernetesOptions

# The first probe after 15 s without a byte, then one every 5 s; dead after the third without an answer: 30 s in all.
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
# An object of etcd's largest size (1.5 MiB) may grow as JSON; what is longer is no event.
_MAX_LINE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: a path, its parameters, and the purpose in words."""

    path: str
    purpose: Purpose
    params: tuple[tuple[str, str], ...] = ()


class Lines:
    """The lines of an answer that goes on until the server ends it.

    Args:
        response: the answer, its body not read yet.
        deadline: time of the event loop after which a silent server counts as gone.
    """

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        self._chunks = response.aiter_bytes()
        self._deadline = deadline
        self._rest = b""

    async def next(self) -> list[bytes] | None:
        """All lines that are there, at least one; None at the end. Raises as httpx does, or TimeoutError."""
        async with asyncio.timeout_at(self._deadline):
            async for chunk in self._chunks:
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                if len(self._rest) > _MAX_LINE:
                    raise httpx.RemoteProtocolError("a line without an end")
                if lines := [line for line in lines if line.strip()]:
                    return lines
        if self._rest.strip():
            raise httpx.RemoteProtocolError("the answer ends within an event")
        return None


class Connection:
    """Opens clients and puts questions with the credentials, time-outs and TLS of the options.

    Args:
        options: the parsed URI.
        transport: what carries the requests instead of the network.
    """

    def __init__(self, options: KubernetesOptions, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._access = options.access
        self._transport = transport

    def open(self) -> httpx.AsyncClient:
        """A client for the running event loop; the caller closes it.

        Raises KubernetesError where a PEM file is unusable.
        """
        return open_client(
            tls_context(self._access.url, self._access.tls),
            timeout=self._options.timeout,
            transport=self._transport,
            socket_options=_socket_options(),
        )

    async def get(self, client: httpx.AsyncClient, request: Request) -> bytes:
        """The body of an answer 200 within the option `timeout`.

        Raises KubernetesNotFound for a 404 and another KubernetesError for anything else.
        """
        asked = self._question(request, self._options.timeout)
        async with asked.timed(), self._answer(client, request) as response:
            return await response.aread()

    @asynccontextmanager
    async def stream(self, client: httpx.AsyncClient, request: Request, limit: float) -> AsyncIterator[Lines]:
        """The lines of an answer 200 that lasts at most `limit` seconds; a KubernetesError for anything else."""
        deadline = asyncio.get_running_loop().time() + limit
        with self._question(request, limit).told():
            async with self._answer(client, request) as response:
                yield Lines(response, deadline)

    def error(self, refusal: Refusal, request: Request) -> KubernetesError:
        """The error that a refusal stands for."""
        said = self._access.token.scrub(refusal.said)
        return replace(refusal, said=said).error(self._access.where, request.purpose, self._credentials())

    def malformed(self, request: Request, problem: object) -> KubernetesError:
        """The error for an answer 200 that cannot be read."""
        return KubernetesError(
            f"the Kubernetes API server {self._access.where} sent a malformed answer for {request.purpose.what} "
            f"(GET {request.path}): {self._access.token.scrub(str(problem))}"
        )

    @asynccontextmanager
    async def _answer(self, client: httpx.AsyncClient, request: Request) -> AsyncIterator[httpx.Response]:
        """The head of an answer 200. A 401 is put to the server again with a token file's content of now."""
        token = self._access.token.read()
        async with self._question(request, self._options.timeout).timed():
            response = await self._send(client, request, token)
            if response.status_code == 401 and (fresh := self._access.token.reread()) != token:
                response = await self._send(client, request, fresh)
        if response.status_code != 200:
            raise self.error(_refusal(response), request)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(self, client: httpx.AsyncClient, request: Request, token: str) -> httpx.Response:
        """The head of an answer; unless it is a 200, the body as well, which frees the connection."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        question = client.build_request("GET", self._access.url + request.path, params=request.params, headers=headers)
        response = await client.send(question, stream=True)
        if response.status_code != 200:
            await response.aread()
        return response

    def _credentials(self) -> str:
        if self._access.token.given:
            return self._access.token.origin
        tls = self._access.tls
        return "the client certificate" if tls.cert_file or tls.cert_pem else "no token and no client certificate"

    def _question(self, request: Request, limit: float) -> Question:
        server = f"the Kubernetes API server {self._access.where}"
        return Question(server, f"{request.purpose.what} (GET {request.path})", limit, KubernetesUnreachable)


def _refusal(response: httpx.Response) -> Refusal:
    """What an answer other than 200 says: a ``Status`` object, or else whatever stands in between speaks."""
    try:
        status = decode_status(document(response.content))
    except PayloadError:
        status = None
    seconds = response.headers.get("Retry-After", "")
    retry_after = int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else None
    said = status.said if status else response.text
    retry_after = retry_after or (status.retry_after if status else None)
    return Refusal(response.status_code, said, retry_after, genuine=status is not None)


def _socket_options() -> list[tuple[int, int, int]]:
    known = [(getattr(socket, name, None), value) for name, value in _KEEPALIVE]
    options = [(socket.IPPROTO_TCP, option, value) for option, value in known if option is not None]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *options]
