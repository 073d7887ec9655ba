"""Whether a mocking library stands between httpx and the network at this moment.

Such libraries replace methods of httpx or of httpcore for the time of a test. An engine with sockets of its own would
walk past them and out into the network, in the tests of everybody who uses meshclient; while something is replaced,
requests therefore go through httpx's own transport.

pytest-httpx replaces the methods of the transports, respx and vcrpy those of httpcore's pools, respx(using="httpx") and
pook the choice of a transport, older vcrpy the sending of a single request. All are looked at before every call, so
the comparisons are written out: a loop over them takes three times as long.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx

# Class, original method; likewise, twice; and of httpcore's pool, which is imported by the first client that somebody
# makes. The originals are looked for when they are first asked for, since nothing happens at import.
_async_seen: list[Any] = [httpx.AsyncHTTPTransport, None, httpx.AsyncClient, None, None, None, None]
_seen: list[Any] = [httpx.HTTPTransport, None, httpx.Client, None, None, None, None]


def async_mocked() -> bool:
    """Whether anything is replaced by which asynchronous requests go."""
    transport, handle, client, choice, single, pool, connect = _async_seen
    return not (
        pool is not None
        and transport.handle_async_request is handle
        and client._transport_for_url is choice  # noqa: SLF001 - what libraries replace
        and client._send_single_request is single  # noqa: SLF001
        and pool.handle_async_request is connect
    ) and _look(_async_seen, "AsyncConnectionPool", "handle_async_request")


def mocked() -> bool:
    """Whether anything is replaced by which blocking requests go."""
    transport, handle, client, choice, single, pool, connect = _seen
    return not (
        pool is not None
        and transport.handle_request is handle
        and client._transport_for_url is choice  # noqa: SLF001 - what libraries replace
        and client._send_single_request is single  # noqa: SLF001
        and pool.handle_request is connect
    ) and _look(_seen, "ConnectionPool", "handle_request")


def _look(seen: list[Any], pool: str, handle: str) -> bool:
    """Whether anything is not the original; one that is not known yet is learnt, if it is one."""
    # Where nobody has imported httpcore, nobody has replaced anything in it.
    seen[5] = getattr(sys.modules.get("httpcore"), pool, None)
    places = ((0, handle, 1), (2, "_transport_for_url", 3), (2, "_send_single_request", 4), (5, handle, 6))
    replaced = False
    for owner, name, original in places:
        method = getattr(seen[owner], name, None)
        if seen[original] is None and _library(method) == _library(seen[owner]):
            seen[original] = method
        replaced = replaced or method is not seen[original]
    return replaced


def _library(thing: object) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0]
