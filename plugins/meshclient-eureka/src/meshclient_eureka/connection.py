"""One question to one Eureka server, and what to call its failure.

Every failure becomes a `EurekaError` here, so that the resolver and the registrar decide by its class alone and no text
they show can hold the password.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from meshclient.model.duration import format_duration
from meshclient_eureka.errors import EurekaError, EurekaTimeout, EurekaUnreachable, status_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.endpoint import Endpoint
    from meshclient_eureka.options import EurekaOptions, TlsFiles


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
        secure = any(server.scheme == "https" for server in self._options.servers)
        # Without https there is nothing to verify, and an empty context saves loading the system's authorities.
        verify = _tls_context(self._options.tls) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Eureka answers in XML unless it is asked for JSON.
        headers = {"Accept": "application/json"}
        # `send` bounds the whole question; a server that accepts no connection is given up as one that is late.
        limits = httpx.Timeout(None, connect=self._options.timeout)
        return httpx.AsyncClient(
            verify=verify, timeout=limits, trust_env=False, headers=headers, transport=self._transport
        )

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
        what = f"{request.what} ({request.method} {url})"
        headers = {"Authorization": header} if header else {}
        try:
            async with asyncio.timeout(options.timeout):
                return await client.request(request.method, url, json=request.body, headers=headers)
        except (TimeoutError, httpx.TimeoutException):
            late = f"did not answer for {what} within {format_duration(options.timeout)}"
            raise EurekaTimeout(f"Eureka at {server.authority} {late}") from None
        except httpx.ConnectError as exc:
            text = f"cannot be reached for {what}: {_reason(exc)}"
            if "WRONG_VERSION_NUMBER" in text:
                text += "; does it speak plain HTTP there (scheme=http)?"
        except httpx.DecodingError as exc:
            text = f"sent an answer with broken compression for {what}: {_reason(exc)}"
        # A refused client certificate shows in TLS 1.3 while reading, as an ssl.SSLError that httpx lets through.
        except (httpx.HTTPError, OSError) as exc:
            text = f"broke off its answer for {what}: {_reason(exc)}"
        raise EurekaUnreachable(f"Eureka at {server.authority} {text}")


def _reason(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.ca_file or None)
    except (OSError, ssl.SSLError) as exc:
        raise EurekaError(f"the authority for Eureka in ca_file={files.ca_file} is unusable: {exc}") from None
    if files.cert_file:
        try:
            context.load_cert_chain(files.cert_file, files.key_file or None)
        except (OSError, ssl.SSLError) as exc:
            named = f"cert_file={files.cert_file} and key_file={files.key_file}"
            raise EurekaError(f"the client certificate for Eureka in {named} is unusable: {exc}") from None
    return context
