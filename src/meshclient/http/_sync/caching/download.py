# Generated from src/meshclient/http/_async/caching/download.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A body on its way from the service: read once, by whoever needs the next piece, for all who want it.

Nothing is read ahead: a body that one caller streams comes as fast as that caller reads, and as soon as others wait for
it, as fast as they do. It is kept only when it is complete and not too large, and where there is room for it beside all
others that are under way.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import httpx

from meshclient.http.caching.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.http._sync.caching.callbacks import Ended, Step
    from meshclient.http.caching.room import Claim


class Download:
    """The body of one response.

    Args:
        source: the response's own stream.
        most: bytes that are kept.
        ended: told of the whole body, or of None where there is none to be kept.
        claim: to the room for it.
        shared: whether several may wait for it.

    Attributes:
        body: all of it, once that is there and not too large.
        error: what broke it.
    """

    def __init__(
        self,
        source: httpx.SyncByteStream,
        most: int,
        ended: Ended,
        claim: Claim,
        *,
        shared: bool,
    ) -> None:
        self.body: bytes | None = None
        self.error: Exception | None = None
        self._source = source
        self._pieces: Iterator[bytes] | None = None
        self._most = most
        self._ended = ended
        self._claim = claim
        self._chunks: list[bytes] = []
        self._dropped = 0
        self._size = 0
        self._open = True
        self._kept = True
        self._steps = Steps(shared=shared)

    @property
    def kept(self) -> bool:
        """Whether all of it is here, or may yet be."""
        return self._kept

    def chunk(self, number: int) -> bytes | None:
        """A piece, counted from 0; None behind the last one. Raises what broke the body before it."""
        while self._read_so_far <= number:
            if not self._open:
                if self.error is not None:
                    raise self.error
                return None
            self._steps.run(self._read, lambda: self._open and self._read_so_far <= number, inf)
        found = self._chunks[number - self._dropped]
        if not self._kept:
            # Whoever goes on reading has had all up to here.
            del self._chunks[: number + 1 - self._dropped]
            self._dropped = number + 1
            if not self._chunks:
                self._claim.end()
        return found

    @property
    def _read_so_far(self) -> int:
        return self._dropped + len(self._chunks)

    def whole(self, seconds: Callable[[], float]) -> bool:
        """Read on until the end, or until it is known that it will not be kept; False when the time is up first."""
        while self._open and self._kept:
            if not self._steps.run(self._read, lambda: self._open and self._kept, seconds()):
                return False
        return True

    def close(self) -> None:
        """Nobody wants it any more."""
        try:
            self._steps.give_up()
            if self._open:
                # Whoever reads it still, when the client is closed, is not to take this for the end.
                self.error = httpx.CloseError("the response was closed before its body had come")
                self._open = False
                try:
                    self._source.close()
                finally:
                    self._over(None)
        finally:
            self._claim.end()

    def _read(self) -> None:
        try:
            if self._pieces is None:
                self._pieces = self._source.__iter__()
            piece = next(self._pieces, None)
            if piece is None:
                self._source.close()
        except BaseException as error:
            # Whatever stopped the reader, an interrupt too: nobody is to take this for the end.
            expected = isinstance(error, Exception)
            self.error = error if isinstance(error, Exception) else httpx.ReadError("its reader was stopped")
            self._open = False
            try:
                with suppress(Exception):
                    self._source.close()
            finally:
                self._claim.end()
                self._over(None)
            if not expected:
                raise
            return
        if piece is None:
            self.body = b"".join(self._chunks) if self._kept else None
            try:
                self._over(self.body)
            finally:
                # Nor is there more to wait for where it could not be kept.
                self._open = False
            return
        self._chunks.append(piece)
        self._size += len(piece)
        if self._kept and (self._size > self._most or not self._claim.more(len(piece))):
            self._over(None)

    def _over(self, body: bytes | None) -> None:
        if self._kept:
            self._kept = body is not None
            self._ended(body)


class DownloadStream(httpx.SyncByteStream):
    """A response's body, as its caller reads it.

    Args:
        download: the body.
        left: called once, when the caller has had enough.
    """

    def __init__(self, download: Download, left: Step) -> None:
        self._download: Download | None = download
        self._left = left

    def __iter__(self) -> Iterator[bytes]:
        number = 0
        while self._download is not None and (piece := self._download.chunk(number)) is not None:
            number += 1
            yield piece

    def close(self) -> None:
        """Leave it to those who still wait for it, if any do."""
        download, self._download = self._download, None
        if download is not None:
            self._left()
