"""Responses that are here as a whole, filled behind httpx's back: see `innards`, of which this is the other half."""

# ruff: noqa: SLF001 - that is what this file is for

from __future__ import annotations

import copyreg
from datetime import timedelta
from functools import cache, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, SupportsIndex

import httpx

from meshclient.http.plain.drained import AsyncDrained, Drained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from meshclient.http.innards import Client
    from meshclient.http.plain.call import PlainCall


def make_headers(raw: Sequence[tuple[bytes, bytes]]) -> httpx.Headers:
    """httpx.Headers of `raw`, whose encoding is settled, as it is once httpx has looked for cookies in them."""
    headers = httpx.Headers.__new__(httpx.Headers)
    # Values may end in white space as they came off the wire.
    headers._list = [(name, name.lower(), value.rstrip(b" \t")) for name, value in raw]
    headers._encoding = None
    headers._encoding = "ascii" if b"".join(chain.from_iterable(raw)).isascii() else headers.encoding
    return headers


@lru_cache(maxsize=256)
def _charset(content_type: str) -> str | None:
    headers = httpx.Headers({"Content-Type": content_type}, encoding="utf-8")
    return httpx.Response(200, headers=headers).charset_encoding


@cache
def _json_decoder() -> Callable[[bytes], Any]:
    from msgspec.json import decode

    return decode


class FilledResponse(httpx.Response):
    """A response that was here as a whole when it was made; read, closed, and with the rest made when it is looked at.

    Pickled, it is an httpx.Response.
    """

    __slots__ = ("_call", "_more", "_raw", "_reason", "_seconds", "_version")
    _call: PlainCall
    _more: Callable[[], dict[str, Any]] | None
    _raw: list[tuple[bytes, bytes]]
    _reason: bytes
    _seconds: float
    _version: str

    is_closed = True
    is_stream_consumed = True
    next_request = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as httpx has them
        fill = _LAZY.get(name)
        if fill is None:
            msg = f"'Response' object has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=self)
        # Whoever looks from two threads at a time sees one object.
        return self.__dict__.setdefault(name, fill(self))

    def json(self, **kwargs: Any) -> Any:  # noqa: ANN401 - as httpx has it
        """As httpx's, by a decoder that is twice as fast and says the same of whatever it takes."""
        if not kwargs:
            try:
                return _json_decoder()(self._content)
            except Exception:  # noqa: BLE001, S110 - NaN, lone surrogates and whatever is wrong: the library says best
                pass
        return super().json(**kwargs)

    def raise_for_status(self) -> httpx.Response:
        """As httpx's, which wants a request even where nothing is wrong."""
        if 200 <= self.status_code <= 299 and "_request" not in self.__dict__:
            return self
        return super().raise_for_status()

    @property
    def charset_encoding(self) -> str | None:
        """As httpx's, which parses the same few content types over and over."""
        content_type = self.headers.get("Content-Type")
        return None if content_type is None else _charset(content_type)

    def __dir__(self) -> Iterable[str]:
        return {*super().__dir__(), *_LAZY}

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # Not `__newobj__`, which insists on this class.
        return copyreg._reconstructor, (httpx.Response, object, None), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        for name in _LAZY.keys() - {"extensions", "stream"}:
            getattr(self, name)
        constant = {"is_stream_consumed": self.is_stream_consumed, "next_request": self.next_request}
        return constant | super().__getstate__()


def _headers(response: FilledResponse) -> httpx.Headers:
    return make_headers(response._raw)


def _extensions(response: FilledResponse) -> dict[str, Any]:
    known = {"http_version": b"HTTP/" + response._version.encode("ascii"), "reason_phrase": response._reason}
    return known if response._more is None else known | response._more()


class ArrivedResponse(httpx.Response):
    """A response that a transport gives to httpx with its whole body at hand, so that reading it is one step.

    Pickled, it is an httpx.Response.
    """

    _whole: bytes | None = None
    _made: httpx.ByteStream | None = None

    def read(self) -> bytes:
        """As httpx's."""
        if self._filled():
            self.close()
        return super().read()

    async def aread(self) -> bytes:
        """As httpx's."""
        if self._filled():
            await self.aclose()
        return await super().aread()

    def _filled(self) -> bool:
        whole = self._whole
        if whole is None or self.is_stream_consumed or self.is_closed or "_content" in self.__dict__:
            return False
        # httpx puts its own around it; somebody else's is to be read.
        if getattr(self.stream, "_stream", self.stream) is not self._made:
            return False
        self.is_stream_consumed = True
        self._num_bytes_downloaded = len(whole)
        self._content = whole
        return True

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for own in ("_whole", "_made"):
            state.pop(own, None)
        return state

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return copyreg._reconstructor, (httpx.Response, object, None), self.__getstate__()  # type: ignore[attr-defined]


_LAZY: Final[dict[str, Callable[[FilledResponse], object]]] = {
    "_elapsed": lambda response: timedelta(seconds=response._seconds),
    "_request": lambda response: response._call.request(),
    "extensions": _extensions,
    "headers": _headers,
    "history": lambda _: [],
    "stream": lambda response: Drained() if response._call.blocking else AsyncDrained(),
}


def make_arrived(
    status: int, raw: list[tuple[bytes, bytes]], body: bytes, extensions: dict[str, object], *, coded: bool
) -> httpx.Response:
    """What a transport makes of a response, for httpx to read; `coded` where its body has to be decoded then."""
    response = ArrivedResponse(status, stream=(made := httpx.ByteStream(body)), extensions=extensions)
    response.headers = make_headers(raw)
    if not coded:
        response._whole, response._made = body, made
    return response


def make_response(  # noqa: PLR0917 - in the hot path of every call, where keywords cost
    call: PlainCall,
    status: int,
    reason: bytes,
    version: str,
    raw: list[tuple[bytes, bytes]],
    body: bytes,
    seconds: float,
    extensions: Callable[[], dict[str, Any]] | None,
    client: Client,
) -> httpx.Response:
    """What httpx makes of a response that it has read, whose body is not encoded."""
    response = FilledResponse.__new__(FilledResponse)
    response.status_code = status
    response.default_encoding = client._default_encoding
    response._content = body
    response._num_bytes_downloaded = len(body)
    response._call = call
    response._raw = raw
    response._reason = reason
    response._version = version
    response._seconds = seconds
    response._more = extensions
    return response
