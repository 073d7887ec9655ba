"""A request that httpx has made, as a plain call: its hooks, cookies and authentication have had their say.

Such a request comes to the transport. Where it turns out to be as plain as most are, it is sent the short way from
there, and httpx reads the response.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx

from meshclient.engine.errors import MalformedRequest
from meshclient.engine.request_head import request_line
from meshclient.http.decoding import bounded_decoder
from meshclient.http.filled import make_arrived
from meshclient.http.innards import set_decoder
from meshclient.http.plain.call import PlainCall
from meshclient.http.plain.fields import usual_name, usual_value
from meshclient.http.plain.place import LONGEST_URL, REMEMBERED, SCHEMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.http.innards import Client

# What else there may be in the extensions asks for more than a plain call.
_EXTENSIONS = frozenset(("timeout", "mesh"))
_NOTHING: Mapping[str, float | None] = {}
_VERSIONS = {"1.1": b"HTTP/1.1", "1.0": b"HTTP/1.0"}
_LENGTH = re.compile(rb"[0-9]{1,18}").fullmatch


class MadeCall(PlainCall):
    """A plain call with the request that it was made of."""

    __slots__ = ("made",)
    made: httpx.Request

    def request(self) -> httpx.Request:
        """The request itself."""
        return self.made


def made_call(request: httpx.Request, most: int) -> PlainCall | None:
    """`request` as a plain call, or None where it is none.

    Args:
        request: as a transport gets it.
        most: bytes that its body may have.
    """
    url, extensions = request.url, request.extensions
    if (
        type(request.stream) is not httpx.ByteStream
        or not extensions.keys() <= _EXTENSIONS
        or url.scheme not in SCHEMES
    ):
        return None
    content, target = b"".join(request.stream), url.raw_path
    lines = _lines(request, len(content))
    if lines is None or len(content) > most or len(target) > LONGEST_URL or request.method == "CONNECT":
        return None
    try:
        line = request_line(request.method.encode("ascii", "replace"), target)
    except MalformedRequest:
        # It is said where all is said of a request.
        return None
    call = MadeCall(
        request.method, url, url.scheme, url.host, url.port, target.decode("ascii"), line + lines, None, content,
        dict(extensions.get("timeout", _NOTHING)), extensions.get("mesh"), False, False,
    )  # fmt: skip
    call.made = request
    return call


def arrived(  # noqa: PLR0917 - as `respond`, in whose place it stands
    call: PlainCall,  # noqa: ARG001
    status: int,
    reason: bytes,
    version: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    seconds: float,  # noqa: ARG001 - httpx has a watch of its own
    extensions: Callable[[], dict[str, object]],
    client: Client | None,  # noqa: ARG001
    most: int = 0,
) -> httpx.Response:
    """The response as a transport gives it to httpx: to be read, and decoded, there."""
    told = extensions()
    told["http_version"] = _VERSIONS[version]
    told["reason_phrase"] = reason
    coded = b"content-encoding" in b"\n".join(dict(headers)).lower()
    response = make_arrived(status, headers, body, told, coded=coded)
    if most and (coding := response.headers.get("content-encoding")) is not None:
        set_decoder(response, bounded_decoder(coding, most))
    return response


def _lines(request: httpx.Request, size: int) -> bytes | None:
    """The header lines, where none of them is odd and a body of so many bytes is as long as they say."""
    raw = request.headers.raw
    lines = [_line(field) for field in raw]
    names = b"\n".join([name for name, _ in raw]).lower().split(b"\n")
    lengths = names.count(b"content-length")
    if None in lines or names.count(b"host") != 1 or lengths > 1 or (size and not lengths):
        return None
    if lengths:
        said = raw[names.index(b"content-length")][1]
        if not _LENGTH(said) or int(said) != size:
            return None
    return b"".join(lines)  # type: ignore[arg-type]  # there is no None among them


@lru_cache(maxsize=REMEMBERED)
def _line(field: tuple[bytes, bytes]) -> bytes | None:
    """The line of a header; None of one that is odd. Most are the same in every request."""
    name, value = field
    usual = name.lower() == b"content-length" or usual_name(name)
    return b"%b: %b\r\n" % field if usual and usual_value(value) else None
