"""A request as it goes to one endpoint: another address, everything else as the user made it.

The Host header, and with it cookies, redirects and cache keys, keeps the service's name; so do SNI and the name that
the certificate is checked against. Only the connection goes to the endpoint.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.endpoint import Endpoint

# URLs are parsed in pure Python, about 15 us each; services are mostly asked for the same few paths.
REMEMBERED_URLS = 4096
_HTTPX_DEFAULT = httpx.Timeout(5.0).as_dict()
_NOT_GIVEN: Mapping[str, float | None] = MappingProxyType({})
# Share of an attempt that may be spent waiting for a connection of our own: less than all, so that a full pool, which
# is no fault of the endpoint, is told apart from an endpoint that does not answer.
POOL_SHARE = 0.95


@lru_cache(maxsize=REMEMBERED_URLS)
def _url(origin: str, target: bytes) -> httpx.URL:
    return httpx.URL(origin + target.decode("ascii"))


def routed(
    request: httpx.Request,
    endpoint: Endpoint,
    stream: httpx.SyncByteStream | httpx.AsyncByteStream,
    timeouts: Mapping[str, float | None],
    trace: object,
) -> httpx.Request:
    """`request` addressed to `endpoint`, with `stream` as its body.

    ``https://`` in the user's URL asks for TLS whatever the registry says of the scheme; ``http://`` and ``mesh://``
    take the endpoint's.
    """
    if endpoint.is_socket:
        raise httpx.UnsupportedProtocol(
            f"{endpoint.url} is a Unix socket, which only the built-in engine reaches; here another sends the request, "
            "because of engine, http2, transport, mounts, or trio"
        )
    url = request.url
    origin = f"https://{endpoint.authority}" if url.scheme == "https" else endpoint.url
    extensions = {**request.extensions, "timeout": timeouts, "trace": trace}
    if origin.startswith("https"):
        extensions.setdefault("sni_hostname", url.host)
    return httpx.Request(
        request.method, _url(origin, url.raw_path), headers=request.headers, stream=stream, extensions=extensions
    )


def logical_location(request: httpx.Request, endpoint: Endpoint, location: str) -> str:
    """Where a redirect in answer to a ``mesh://`` request leads, in full.

    httpx leaves relative references to `urllib.parse`, which cannot resolve them under a scheme it does not know. A
    service that names itself by its Host header, with the scheme it is reached by, means itself, and so the mesh.
    """
    url = request.url
    try:
        target = url.copy_with(scheme=endpoint.scheme).join(location)
    except httpx.InvalidURL:
        return location
    if target.scheme == endpoint.scheme and target.netloc == url.netloc:
        target = target.copy_with(scheme=url.scheme)
    return str(target)


def given_timeouts(request: httpx.Request) -> Mapping[str, float | None]:
    """The timeouts that the user wants, in seconds, by httpx's four names; None and what is missing mean no limit.

    httpx's default, 5 s for each, is taken as "not given": it cannot be told apart from a wish, and would cut short
    every attempt that was configured to take longer.
    """
    return wished(request.extensions.get("timeout", _NOT_GIVEN))


def wished(given: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """As `given_timeouts`, of the timeouts as httpx has them."""
    return _NOT_GIVEN if given == _HTTPX_DEFAULT else given


def attempt_timeouts(given: Mapping[str, float | None], connect: float, whole: float) -> dict[str, float | None]:
    """The four timeouts for one attempt: the user's own, none longer than the attempt may take (seconds)."""
    return {
        "connect": least(given.get("connect"), min(connect, whole)),
        "read": least(given.get("read"), whole),
        "write": least(given.get("write"), whole),
        "pool": least(given.get("pool"), POOL_SHARE * whole),
    }


def least(given: float | None, bound: float) -> float | None:
    """The shorter of two limits in seconds, as httpx writes it: None for none."""
    if given is not None and given < bound:
        return given
    return bound if bound < inf else None
