"""What a request that changes something makes invalid (RFC 9111, section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

from meshclient.core.caching.message import lines

if TYPE_CHECKING:
    from meshclient.core.caching.message import Request, Response

# The registered methods that are safe (RFC 9110, section 16.1.1); any other may change something.
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"})
_PORTS = {"http": 80, "https": 443}


def invalidated(request: Request, response: Response) -> tuple[str, ...]:
    """The URLs of which all variants are to be removed.

    Those of other origins are none of them, so that no service empties another's cache.
    """
    if request.method in SAFE or not 200 <= response.status < 400:
        return ()
    found = {request.url: None}
    for name in ("location", "content-location"):
        for reference in lines(response.headers, name)[:1]:
            target = resolved(request.url, reference)
            if target is not None and _origin(target) == _origin(request.url):
                found[target] = None
    return tuple(found)


def resolved(base: str, reference: str) -> str | None:
    """`reference` as a URL, without a fragment; None where it is none."""
    try:
        return urldefrag(urljoin(base, reference)).url
    except ValueError:
        return None


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts: SplitResult = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
