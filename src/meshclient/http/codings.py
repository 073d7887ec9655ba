"""The content codings that httpx knows, each undone in pieces that are small whatever was packed."""

from __future__ import annotations

import zlib
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zstandard import ZstdDecompressionObj

# Bytes of output at a time.
_PIECE = 64 * 1024
# A block of zstd has at most 128 KiB of content (RFC 8878 section 3.1.1.2.4) and at least four bytes of its own.
_ZSTD_RATIO = 128 * 1024 // 4
# Bytes of input at a time for decoders whose output cannot be limited.
_SIP = 64
# What a decoder of the coding has to accept, and no encoder may exceed (RFC 9659 section 3).
_ZSTD_WINDOW = 8 * 1024 * 1024


class Coding(Protocol):
    """Undoes one content coding."""

    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:
        """What `data` decodes to, in pieces; `room` is how many bytes of it are still wanted.

        Raises httpx.DecodingError.
        """
        ...

    def finish(self) -> bytes:
        """What is left at the end of the input. Raises httpx.DecodingError."""
        ...


class _Identity:
    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:  # noqa: ARG002 - nothing is made
        yield data

    def finish(self) -> bytes:
        return b""


IDENTITY: Final[Coding] = _Identity()


class _Zlib:
    """gzip and deflate; the latter is also sent without its zlib envelope (RFC 9110 section 8.4.1.2, note)."""

    def __init__(self, envelope: int) -> None:
        self._bare = envelope == zlib.MAX_WBITS
        self._held = b""
        self._stream = zlib.decompressobj(envelope)

    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:  # noqa: ARG002 - pieces are small
        if self._bare:
            # Two bytes tell which of the forms it is.
            data = self._held + data
            if len(data) < 2:
                self._held = data
                return
            self._bare = False
            if data[0] & 0x0F != zlib.DEFLATED or int.from_bytes(data[:2]) % 31:
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        while True:
            try:
                made = self._stream.decompress(data, _PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
            data = self._stream.unconsumed_tail
            yield made
            # A full piece may leave output behind although all the input is gone.
            if not data and len(made) < _PIECE:
                return

    def finish(self) -> bytes:
        return b""


class _Brotli:
    def __init__(self, decompressor: Any, error: type[Exception]) -> None:  # noqa: ANN401 - one of two untyped packages'
        # `brotli` and `brotlicffi` differ in the name; limiting the output came to both with 1.2.
        self._process: Callable[..., bytes] = getattr(decompressor, "process", None) or decompressor.decompress
        self._over: Callable[[], bool] = decompressor.is_finished
        self._limits = hasattr(decompressor, "can_accept_more_data")
        self._error = error

    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:  # noqa: ARG002 - pieces are small, or not known
        try:
            if not self._limits:
                for start in range(0, len(data), _SIP):
                    yield self._process(data[start : start + _SIP])
                return
            if data:
                yield self._process(data, output_buffer_limit=_PIECE)
            # It says that it could take more input while it still holds output back.
            while not self._over() and (made := self._process(b"", output_buffer_limit=_PIECE)):
                yield made
        except self._error as error:
            raise httpx.DecodingError(str(error)) from error

    def finish(self) -> bytes:
        return b""


class _Zstd:
    def __init__(self, frame: Callable[..., ZstdDecompressionObj], error: type[Exception]) -> None:
        self._new = frame
        self._frame = frame()
        self._error = error
        self._began = False

    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:
        while data:
            self._began = True
            # Not more than what, at worst, fills the room.
            sip = max(_SIP, room // _ZSTD_RATIO)
            part, data = data[:sip], data[sip:]
            while part:
                if self._frame.eof:
                    self._frame = self._new()
                try:
                    made = self._frame.decompress(part)
                except self._error as error:
                    raise httpx.DecodingError(str(error)) from error
                part = self._frame.unused_data if self._frame.eof else b""
                room -= len(made)
                yield made

    def finish(self) -> bytes:
        if self._began and not self._frame.eof:
            msg = "Zstandard data is incomplete"
            raise httpx.DecodingError(msg)
        return b""


def _gzip() -> Coding:
    return _Zlib(zlib.MAX_WBITS | 16)


def _deflate() -> Coding:
    return _Zlib(zlib.MAX_WBITS)


def _brotli() -> Coding | None:
    # Neither has types; the second is for interpreters other than CPython.
    for name in ("brotli", "brotlicffi"):
        with suppress(ImportError):
            package = import_module(name)
            return _Brotli(package.Decompressor(), package.error)
    return None


def _zstd() -> Coding | None:
    try:
        import zstandard
    except ImportError:
        return None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    return _Zstd(decompressor.decompressobj, zstandard.ZstdError)


CODINGS: dict[str, Callable[[], Coding | None]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
