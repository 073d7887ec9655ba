"""One question to one Consul server, and what to call its failure.

Every failure becomes a `ConsulError` here, so that the resolver and the registrar decide by its class alone and no text
they show can hold the token.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from meshclient.model.duration import format_duration
from meshclient_consul.errors import ConsulError, ConsulUnreachable, Purpose, status_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.endpoint import Endpoint
    from meshclient_consul.options import ConsulOptions, TlsFiles


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
        secure = any(server.scheme == "https" for server in self._options.servers)
        # Without https there is nothing to verify, and an empty context saves loading the system's authorities.
        verify = _tls_context(self._options.tls) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # `Connection.send` bounds the whole question; a server that accepts no connection is given up sooner.
        limits = httpx.Timeout(None, connect=self._options.timeout)
        return httpx.AsyncClient(verify=verify, timeout=limits, trust_env=False, transport=self._transport)

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
        try:
            async with asyncio.timeout(seconds):
                return await client.request(
                    request.method, server.url + request.path, params=request.params, json=request.body, headers=headers
                )
        except TimeoutError:
            text = f"Consul at {server.authority} did not answer for {what} within {format_duration(seconds)}"
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            text = f"Consul at {server.authority} cannot be reached for {what}: {_reason(exc)}"
        except httpx.DecodingError as exc:
            text = f"Consul at {server.authority} sent an answer with broken compression for {what}: {_reason(exc)}"
        # A refused client certificate shows in TLS 1.3 while reading, as an ssl.SSLError that httpx lets through.
        except (httpx.HTTPError, OSError) as exc:
            text = f"Consul at {server.authority} broke off its answer for {what}: {_reason(exc)}"
        raise ConsulUnreachable(text)


def _reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.ca_file or None)
    except (OSError, ssl.SSLError) as exc:
        raise ConsulError(f"the authority for Consul in ca_file={files.ca_file} is unusable: {exc}") from None
    if files.cert_file:
        try:
            context.load_cert_chain(files.cert_file, files.key_file or None)
        except (OSError, ssl.SSLError) as exc:
            named = f"cert_file={files.cert_file} and key_file={files.key_file}"
            raise ConsulError(f"the client certificate for Consul in {named} is unusable: {exc}") from None
    return context
