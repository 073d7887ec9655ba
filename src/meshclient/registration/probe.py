"""One look at the own instance, from outside: at the address that others are given."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from meshclient.discovery.supervision import describe
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint


class NotReady(Exception):
    """The instance does not serve; the text says how that shows."""


async def probe(endpoint: Endpoint, path: str, timeout: float) -> None:
    """Return if the instance answers GET `path` with a 2xx status or, without a path, accepts a connection.

    The certificate of an https instance is not verified: it names the service, and this asks by address.

    Args:
        endpoint: the instance.
        path: its health path, or empty.
        timeout: seconds for all of it.

    Raises NotReady in every other case.
    """
    what = f"GET {endpoint.url}{path}" if path else f"connecting to {endpoint.authority}"
    try:
        async with asyncio.timeout(timeout):
            if path:
                await _get(endpoint, path)
            else:
                await _connect(endpoint)
    except TimeoutError:
        raise NotReady(f"{what} took longer than {format_duration(timeout)}") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise NotReady(f"{what} failed: {describe(exc)}") from None


async def _get(endpoint: Endpoint, path: str) -> None:
    over = httpx.AsyncHTTPTransport(verify=False, uds=endpoint.host) if endpoint.is_socket else None
    url = f"http://localhost{path}" if endpoint.is_socket else endpoint.url + path
    async with (
        httpx.AsyncClient(trust_env=False, verify=False, timeout=None, transport=over) as client,  # noqa: S113, S501 - see `probe`
        client.stream("GET", url, headers={"User-Agent": "meshclient-health", "Connection": "close"}) as response,
    ):
        if not response.is_success:
            raise NotReady(f"GET {endpoint.url}{path} answered {response.status_code}")


async def _connect(endpoint: Endpoint) -> None:
    if endpoint.is_socket:
        _, writer = await asyncio.open_unix_connection(endpoint.host)
    else:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
