"""Content codings undone under a bound: a kilobyte of zeros packed well is a gigabyte of memory.

httpx gives a decoder all that arrived at once and takes all that comes out, so a limit counted there strikes after the
memory is taken. Here each coding hands its output over in pieces, and the count is kept between two of them; codings
that follow one another are chained piece by piece, so that none of them is ever there as a whole.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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


class BoundedDecoder:
    """Undoes the codings of one body; has httpx's interface of a decoder.

    Args:
        codings: in the order in which they were applied.
        most: bytes that the body may have, after each of them.
    """

    def __init__(self, codings: Iterable[Coding], most: int) -> None:
        self._stages = [_Stage(coding, most) for coding in codings]
        self._stages.reverse()

    def decode(self, data: bytes) -> bytes:
        """The next part of the body. Raises httpx.DecodingError: `data` is damaged, or there is too much."""
        pieces: Iterable[bytes] = (data,)
        for stage in self._stages:
            pieces = stage.inflated(pieces)
        return b"".join(pieces)

    def flush(self) -> bytes:
        """The last part of the body. Raises httpx.DecodingError."""
        pieces: Iterable[bytes] = ()
        for stage in self._stages:
            pieces = stage.finished(pieces)
        return b"".join(pieces)


def bounded_decoder(content_encoding: str, most: int) -> BoundedDecoder:
    """A decoder for a body with this ``Content-Encoding``, empty for none.

    Names that nobody here knows are passed over, as httpx does; so are br and zstd where their packages are missing.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    codings = [made for name in names if name in _CODINGS and (made := _CODINGS[name]()) is not None]
    return BoundedDecoder(codings or [_Identity()], most)


class _Stage:
    """One coding, and the count of what came out of it."""

    def __init__(self, coding: Coding, most: int) -> None:
        self._coding = coding
        self._most = most
        self._room = most

    def inflated(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            for made in self._coding.inflate(piece, self._room):
                self._room -= len(made)
                if self._room < 0:
                    msg = (
                        f"the response body is larger than {self._most} bytes when its coding is undone; "
                        "max_response sets that bound: raise it if the server is right"
                    )
                    raise httpx.DecodingError(msg)
                yield made

    def finished(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield from self.inflated(pieces)
        yield self._coding.finish()


class _Identity:
    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:  # noqa: ARG002 - nothing is made
        yield data

    def finish(self) -> bytes:
        return b""


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
    def __init__(self, decompressor: object, error: type[Exception]) -> None:
        # `brotli` and `brotlicffi` differ in the name; limiting the output came to both with 1.2.
        self._process: Callable[..., bytes] = getattr(decompressor, "process", None) or decompressor.decompress  # type: ignore[attr-defined]
        self._ready: Callable[[], bool] | None = getattr(decompressor, "can_accept_more_data", None)
        self._error = error

    def inflate(self, data: bytes, room: int) -> Iterator[bytes]:  # noqa: ARG002 - pieces are small, or not known
        try:
            if self._ready is None:
                for start in range(0, len(data), _SIP):
                    yield self._process(data[start : start + _SIP])
                return
            if data:
                yield self._process(data, output_buffer_limit=_PIECE)
            while not self._ready() and (made := self._process(b"", output_buffer_limit=_PIECE)):
                yield made
        except self._error as error:
            raise httpx.DecodingError(str(error)) from error

    def finish(self) -> bytes:
        return b""


class _Frame(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


class _Zstd:
    def __init__(self, frame: Callable[[], _Frame], error: type[Exception]) -> None:
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
    try:
        import brotli
    except ImportError:
        try:
            import brotlicffi as brotli
        except ImportError:
            return None
    return _Brotli(brotli.Decompressor(), brotli.error)


def _zstd() -> Coding | None:
    try:
        import zstandard
    except ImportError:
        return None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    return _Zstd(decompressor.decompressobj, zstandard.ZstdError)


_CODINGS: dict[str, Callable[[], Coding | None]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
