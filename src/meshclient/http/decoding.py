"""Content codings undone under a bound: a kilobyte of zeros packed well is a gigabyte of memory.

httpx gives a decoder all that arrived at once and takes all that comes out, so a limit counted there strikes after the
memory is taken. Here each coding hands its output over in pieces, and the count is kept between two of them; codings
that follow one another are chained piece by piece, so that none of them is ever there as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.http.codings import CODINGS, IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meshclient.http.codings import Coding

# Bytes that packing adds to nothing at all, generously.
_ENVELOPE = 1024


class BoundedDecoder:
    """Undoes the codings of one body; has httpx's interface of a decoder.

    Args:
        codings: in the order in which they were applied.
        most: bytes that the body may have in the end.
    """

    def __init__(self, codings: Sequence[Coding], most: int) -> None:
        # What is still packed once may be a little larger than its content, but never much.
        rooms = [most, *(2 * most + _ENVELOPE for _ in codings[1:])]
        self._stages = [_Stage(coding, room) for coding, room in zip(codings, rooms, strict=True)]
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
    codings = [made for name in names if name in CODINGS and (made := CODINGS[name]()) is not None]
    return BoundedDecoder(codings or [IDENTITY], most)


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
