"""What is private to httpx, read and written in this file and nowhere else.

httpx has no public way to fill a response that is already here, or to see cheaply whether a client's settings are still
the same. Both are worth 70 us a call. So it is done behind its back, and held against httpx's own doing once per
process, on first use: `sound` compares, attribute by attribute, what both make of the same exchange. With a version of
httpx where anything differs, it says no, and every call takes httpx's own road: slower, with the same result.
"""

# ruff: noqa: SLF001 - that is what this file is for

from __future__ import annotations

import logging
from enum import Enum, auto
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Final

import httpx
from httpx._client import ClientState, UseClientDefault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from httpx._types import QueryParamTypes

    Client = httpx.Client | httpx.AsyncClient

LOGGER: Final = logging.getLogger("httpx")
UNSET: Final = UseClientDefault
_NO_HOOKS: Final[dict[str, list[object]]] = {"request": [], "response": []}
# What a plain call passes by. Whoever replaces one of these wants it to be called.
_BYPASSED: Final = (
    "_build_redirect_request", "_build_request_auth", "_merge_cookies", "_merge_headers", "_merge_queryparams",
    "_merge_url", "_redirect_headers", "_redirect_method", "_redirect_stream", "_redirect_url",
    "_send_handling_auth", "_send_handling_redirects", "_send_single_request", "_set_timeout", "build_request", "send",
)  # fmt: skip
_OWNERS: Final = ("httpx.", "meshclient.")


class Look(Enum):
    """What a look at a client found."""

    SAME = auto()
    CHANGED = auto()
    UNFIT = auto()


class Standing:
    """A client's settings as they are now; later it tells whether they still are.

    Attributes:
        fields: the client's headers, each as it was given, in lower case, and its value.
        timeouts: seconds by phase.
    """

    __slots__ = ("_base_url", "_build", "_params", "_send", "_timeout", "fields", "timeouts")

    def __init__(self, client: Client) -> None:
        self.fields = list(client._headers._list)
        self._timeout = client._timeout
        self.timeouts = client._timeout.as_dict()
        self._params = client._params
        self._base_url = client._base_url
        self._send = type(client).send
        self._build = type(client).build_request

    def look(self, client: Client) -> Look:
        """Compare: lists and a client's `Timeout` are changed in place, the rest are values that get replaced.

        UNFIT is a client that has something beside headers to add to a request, or to hear of it, or that is closed.
        """
        jar = client._cookies.jar
        if (
            client._auth is not None
            or client._event_hooks != _NO_HOOKS
            or type(jar) is not CookieJar
            or (jar._cookies and any(True for _ in jar))  # type: ignore[attr-defined]
        ):
            return Look.UNFIT
        if (
            client._state is not ClientState.OPENED
            or client._headers._list != self.fields
            or client._timeout is not self._timeout
            or self._timeout.__dict__ != self.timeouts
            or client._params is not self._params
            or client._base_url is not self._base_url
            or type(client).send is not self._send
            or type(client).build_request is not self._build
            or "send" in client.__dict__
            or "build_request" in client.__dict__
        ):
            return Look.UNFIT if client._state is ClientState.CLOSED else Look.CHANGED
        return Look.SAME


def overridden(client: Client) -> bool:
    """Whether somebody replaced a part of httpx's road that a plain call would pass by."""
    own = vars(client)
    methods = ((name, getattr(type(client), name, None)) for name in _BYPASSED)
    return any(name in own or not str(getattr(method, "__module__", "")).startswith(_OWNERS) for name, method in methods)


def open_client(client: Client) -> None:
    """Put down that `client` has sent something; its ``with`` block then raises, as after httpx's own calls."""
    if client._state is ClientState.UNOPENED:
        client._state = ClientState.OPENED


def merged_url(client: Client, url: httpx.URL | str) -> httpx.URL:
    """`url` behind the client's base URL, if it is relative. Raises what httpx raises."""
    return client._merge_url(url)


def merged_params(client: Client, params: QueryParamTypes | None) -> QueryParamTypes | None:
    """`params` over the client's own. Raises what httpx raises."""
    return client._merge_queryparams(params)


def default_encoding(client: Client) -> Any:
    """What the client takes text for that names no charset."""
    return client._default_encoding


def redirect(client: Client, request: httpx.Request, response: httpx.Response) -> httpx.Request:
    """The request that follows a redirect. Raises httpx.RemoteProtocolError for a location that is none."""
    return client._build_redirect_request(request, response)


def make_headers(raw: Iterable[tuple[bytes, bytes]]) -> httpx.Headers:
    """httpx.Headers of `raw`, whose encoding is settled, as it is once httpx has looked for cookies in them."""
    headers = httpx.Headers.__new__(httpx.Headers)
    headers._list = listed = [(name, name.lower(), value) for name, value in raw]
    headers._encoding = None
    if b"".join([value for _, _, value in listed]).isascii() and b"".join([name for name, _, _ in listed]).isascii():
        headers._encoding = "ascii"
    else:
        headers._encoding = headers.encoding
    return headers


def make_request(
    method: str, url: httpx.URL, raw: Iterable[tuple[bytes, bytes]], content: bytes, extensions: Mapping[str, object]
) -> httpx.Request:
    """What ``httpx.Request(method, url, headers=raw, content=content, extensions=extensions)`` makes."""
    request = httpx.Request.__new__(httpx.Request)
    request.method = method
    request.url = url
    request.headers = make_headers(raw)
    request.extensions = dict(extensions)
    request.stream = httpx.ByteStream(content)
    request._content = content
    return request


def set_decoder(response: httpx.Response, decoder: Any) -> None:
    """Have `response` decoded by `decoder`, which has httpx's interface of one, instead of what its headers name."""
    response._decoder = decoder
