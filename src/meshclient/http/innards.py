"""What is private to httpx's requests and clients, read and written in this file, and that of responses in `filled`.

httpx has no public way to fill a response that is already here, or to see cheaply whether a client's settings are still
the same. Both are worth 70 us a call. So it is done behind its back, and held against httpx's own doing once per
process, on first use: `sound` compares, attribute by attribute, what both make of the same exchange. With a version of
httpx where anything differs, it says no, and every call takes httpx's own road: slower, with the same result.

The transports of a client are the affair of `mounting`, what libraries replace in httpx that of `mocking`.
"""

# ruff: noqa: SLF001 - that is what this file is for

from __future__ import annotations

from enum import Enum
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx

from meshclient.http.filled import make_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from httpx._types import QueryParamTypes

    from meshclient.http.decoding import BoundedDecoder

Client: TypeAlias = "httpx.Client | httpx.AsyncClient"
# Whatever is missing from another version of httpx is found missing on first use, not when this is imported.
_STATES: Any = getattr(getattr(httpx, "_client", None), "ClientState", None)
_UNOPENED, _OPENED, _CLOSED = (getattr(_STATES, name, None) for name in ("UNOPENED", "OPENED", "CLOSED"))
# httpx2's decoders do.
_IN_PIECES: Final = not isinstance(httpx.Response(200)._get_content_decoder().decode(b""), bytes)
# What a client keeps its cookies in, unless it was given something else.
_JAR: Final = type(httpx.Cookies().jar)
_NO_HOOKS: Final[dict[str, list[object]]] = {"request": [], "response": []}
# What a plain call passes by. Whoever replaces one of these wants it to be called.
_BYPASSED: Final = (
    "_build_redirect_request", "_build_request_auth", "_merge_cookies", "_merge_headers", "_merge_queryparams",
    "_merge_url", "_redirect_headers", "_redirect_method", "_redirect_stream", "_redirect_url",
    "_send_handling_auth", "_send_handling_redirects", "_send_single_request", "_set_timeout", "build_request", "send",
)  # fmt: skip
_OWNERS: Final = ("httpx.", "meshclient.")


# What a look at a client found. An attribute of an Enum would cost as much as the rest of the look.
Look = Enum("Look", ["SAME", "CHANGED", "UNFIT"])
SAME, CHANGED, UNFIT = Look


class Standing:
    """A client's settings as they are now; later it tells whether they still are.

    Attributes:
        fields: the client's headers, each as it was given, in lower case, and its value.
        timeouts: seconds by phase.
    """

    __slots__ = ("_build", "_params", "_send", "_settings", "fields", "timeouts")

    def __init__(self, client: Client) -> None:
        self.fields = list(client._headers._list)
        self.timeouts = client._timeout.as_dict()
        # Opened, since nothing is done with a client before.
        self._settings = client.__dict__ | {"_state": _OPENED}
        self._params = client._params
        self._send = type(client).send
        self._build = type(client).build_request

    def look(self, client: Client) -> Look:
        """Compare: lists and a client's `Timeout` are changed in place, the rest are values that get replaced.

        UNFIT is a client that has something beside headers to add to a request, or to hear of it, or that is closed.
        """
        jar = client._cookies.jar
        try:
            # All that is replaced when it changes in one step of the interpreter; what is changed in place follows.
            replaced = client.__dict__ != self._settings
        except Exception:  # noqa: BLE001 - things that a subclass keeps there may not let themselves be compared
            replaced = True
        if (
            not replaced
            and client._params is self._params
            and client._headers._list == self.fields
            and client._timeout.__dict__ == self.timeouts
            and client._event_hooks == _NO_HOOKS
            and type(jar) is _JAR
            and not jar._cookies  # type: ignore[attr-defined]
            and type(client).send is self._send
            and type(client).build_request is self._build
        ):
            return SAME
        found = self.look_closely(client)
        if found is SAME:
            # Something of no interest here is another.
            self._settings = client.__dict__ | {"_state": _OPENED}
        return found

    def look_closely(self, client: Client) -> Look:
        """As `look`, step by step."""
        jar = client._cookies.jar
        if (
            client._auth is not None
            or client._event_hooks != _NO_HOOKS
            or type(jar) is not _JAR
            or any(True for _ in jar)
            or client._state is _CLOSED
        ):
            return UNFIT
        same = (
            client._state is _OPENED
            and client._headers._list == self.fields
            and client._timeout.__dict__ == self.timeouts
            and client._params is self._params
            and client._base_url is self._settings["_base_url"]
            and type(client).send is self._send
            and type(client).build_request is self._build
            and "send" not in client.__dict__
            and "build_request" not in client.__dict__
        )
        return SAME if same else CHANGED


def overridden(client: Client) -> bool:
    """Whether somebody replaced a part of httpx's road that a plain call would pass by."""
    own, kind = vars(client), type(client)
    return any(name in own or not _ordinary(getattr(kind, name, None)) for name in _BYPASSED)


def _ordinary(method: object) -> bool:
    # A wrapper gives itself the name and module of what it wraps; where it was compiled it cannot hide.
    return type(method) is FunctionType and method.__globals__["__name__"].startswith(_OWNERS)


class QuickCookies(httpx.Cookies):
    """httpx's, which make a request of urllib's for each response, to find that it sets no cookie."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """As httpx's."""
        # Jars of the user's may have more to do.
        if type(self.jar) is not _JAR or "set-cookie" in response.headers or "set-cookie2" in response.headers:
            super().extract_cookies(response)


def quicken(client: Client) -> None:
    """Have `client` look for cookies in responses only where there are some."""
    quick = QuickCookies()
    quick.jar = client._cookies.jar
    client._cookies = quick


def open_client(client: Client) -> None:
    """Put down that `client` has sent something; its ``with`` block then raises, as after httpx's own calls."""
    if client._state is _UNOPENED:
        client._state = _OPENED  # type: ignore[assignment]


def merged_url(client: Client, url: httpx.URL | str) -> httpx.URL:
    """`url` behind the client's base URL, if it is relative. Raises what httpx raises."""
    return client._merge_url(url)


def merged_params(client: Client, params: QueryParamTypes | None) -> QueryParamTypes | None:
    """`params` over the client's own. Raises what httpx raises."""
    return client._merge_queryparams(params)


def redirect(client: Client, request: httpx.Request, response: httpx.Response) -> httpx.Request:
    """The request that follows a redirect. Raises httpx.RemoteProtocolError for a location that is none."""
    return client._build_redirect_request(request, response)


def make_request(
    method: str, url: httpx.URL, raw: Sequence[tuple[bytes, bytes]], content: bytes, extensions: Mapping[str, object]
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


def decode(response: httpx.Response) -> None:
    """Undo the content coding of `response`. Raises httpx.DecodingError."""
    decoder = response._get_content_decoder()
    # Of no bytes nothing comes off the wire, and a decoder that has seen nothing misses nothing.
    content = _whole(decoder.decode(response._content)) if response._content else b""
    response._content = content + _whole(decoder.flush())


def set_decoder(response: httpx.Response, decoder: BoundedDecoder) -> None:
    """Have `response` decoded by `decoder` instead of what its headers name."""
    response._decoder = _Pieces(decoder) if _IN_PIECES else decoder  # type: ignore[assignment]


class _Pieces:
    """A decoder for versions that take what comes out of it piece by piece."""

    def __init__(self, decoder: BoundedDecoder) -> None:
        self._decoder = decoder

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield self._decoder.decode(data)

    def flush(self) -> Iterator[bytes]:
        yield self._decoder.flush()


def _whole(decoded: bytes | Iterable[bytes]) -> bytes:
    return decoded if isinstance(decoded, bytes) else b"".join(decoded)


def follow(client: httpx.Client, response: httpx.Response) -> httpx.Response:
    """Go where the redirect `response` leads, and on, as httpx does, until there is an answer."""
    request, response.next_request = response.next_request, None
    if request is None:
        return response
    last = client._send_handling_redirects(request, follow_redirects=True, history=[response])
    try:
        last.read()
    except BaseException:
        last.close()
        raise
    return last


async def async_follow(client: httpx.AsyncClient, response: httpx.Response) -> httpx.Response:
    """`follow` in the other colour."""
    request, response.next_request = response.next_request, None
    if request is None:
        return response
    last = await client._send_handling_redirects(request, follow_redirects=True, history=[response])
    try:
        await last.aread()
    except BaseException:
        await last.aclose()
        raise
    return last
