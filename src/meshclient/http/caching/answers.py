"""Responses made out of what is kept, and out of what went wrong."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from meshclient.errors import MeshError, ServiceNotFound
from meshclient.http.decoding import bounded_decoder
from meshclient.http.innards import set_decoder
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from meshclient.core.caching.answer import Serve

# Mistakes of the request's, which would be made again.
_OWN_FAULT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, ServiceNotFound)


def served(serve: Serve, body: bytes, report: CallReport, most: int) -> httpx.Response:
    """The response to a request that is answered out of an entry with this body.

    Args:
        serve: the answer.
        body: of the entry, as it came.
        report: the story of the call.
        most: bytes that the body may have when its coding is undone; 0 for any number.
    """
    content = b""
    if serve.body:
        content = body if serve.span is None else body[slice(*serve.span)]
    response = httpx.Response(
        serve.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in serve.headers],
        stream=httpx.ByteStream(content),
        extensions={"mesh": report, "http_version": b"HTTP/1.1"},
    )
    if most:
        set_decoder(response, bounded_decoder(response.headers.get("content-encoding", ""), most))
    return response


def unavailable(service: str) -> httpx.Response:
    """What a request gets that wants a kept response, and there is none (RFC 9111, section 5.2.1.7)."""
    return httpx.Response(
        504,
        headers={"content-length": "0"},
        stream=httpx.ByteStream(b""),
        extensions={"mesh": CallReport(service), "http_version": b"HTTP/1.1"},
    )


def marked(report: object, service: str, cache: str) -> CallReport:
    """The story of a call, saying what part the cache has in it."""
    return replace(report if isinstance(report, CallReport) else CallReport(service), cache=cache)


def unreachable(error: Exception) -> bool:
    """Whether nobody could be asked, or nobody answered: a kept response may stand in for that."""
    return isinstance(error, httpx.TransportError | MeshError) and not isinstance(error, _OWN_FAULT)


def copied(error: Exception, request: httpx.Request) -> Exception:
    """Another caller's error for the caller of `request`: each gets its own, for what is raised is written on."""
    try:
        mine = copy.copy(error)
    except Exception:  # noqa: BLE001 - of a class that cannot be copied, all get the same
        return error
    if isinstance(mine, httpx.RequestError):
        mine.request = request
    mine.__cause__ = error.__cause__
    return mine
