"""Answering a plain call with what httpx would have made of the response, as far as anybody looks at it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx

from meshclient.http import innards
from meshclient.http.decoding import bounded_decoder
from meshclient.http.filled import make_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.http.innards import Client
    from meshclient.http.plain.call import PlainCall

# httpx's own, which tells of every request.
_LOG = logging.getLogger("httpx")
_COOKIE, _CODING = b"set-cookie", b"content-encoding"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


def respond(  # noqa: PLR0917 - all that an exchange brings, and keywords cost
    call: PlainCall,
    status: int,
    reason: bytes,
    version: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    seconds: float,
    extensions: Callable[[], dict[str, Any]] | None,
    client: Client,
    most: int = 0,
) -> httpx.Response:
    """An httpx.Response, read and closed, as the client would have returned it.

    Where a redirect is to be followed, its ``next_request`` says where to: `innards.follow` goes there.

    Args:
        call: what was asked.
        status: of the response.
        reason: the words after it.
        version: of HTTP, "1.1" or "1.0".
        headers: as they came.
        body: as it came, in one piece.
        seconds: that the call took.
        extensions: what else ``response.extensions`` has; called when somebody looks.
        client: gets the cookies.
        most: bytes that the body may have when its coding is undone; 0 for any number.

    Raises httpx.DecodingError for a damaged body, httpx.RemoteProtocolError and httpx.InvalidURL for a redirect to
    nowhere.
    """
    response = make_response(call, status, reason, version, headers, body, seconds, extensions, client)
    # All at once: a look at each would be a step of the interpreter for each.
    names = b"\n".join(dict(headers)).lower()
    if _COOKIE in names or _CODING in names or status in _REDIRECTS or _LOG.isEnabledFor(logging.INFO):
        _treat(response, client, most)
    return response


def _treat(response: httpx.Response, client: Client, most: int) -> None:
    """What httpx does with a response before it hands it out, in its order."""
    request = response.request
    headers = response.headers
    if "set-cookie" in headers or "set-cookie2" in headers:
        client.cookies.extract_cookies(response)
    _LOG.info(
        'HTTP Request: %s %s "%s %d %s"',
        request.method, request.url, response.http_version, response.status_code, response.reason_phrase,
    )  # fmt: skip
    if response.has_redirect_location:
        response.next_request = innards.redirect(client, request, response)
    coding = headers.get("content-encoding")
    if coding is None:
        return
    if most:
        innards.set_decoder(response, bounded_decoder(coding, most))
    try:
        innards.decode(response)
    except httpx.DecodingError as error:
        error.request = request
        raise
