# Generated from src/meshclient/http/_async/replay.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A request body that can be sent again, if it is small.

Bytes at hand are sent again as they are. A stream is remembered while it is sent, up to a bound; when an attempt fails
half-way, the next one gets what is remembered and then the rest. Beyond the bound nothing is remembered, and the call
cannot be repeated once sending has begun: memory is bounded, and a big upload is not doubled behind the user's back.
Nor can it when the stream itself failed or was interrupted: a generator is over then, and sending what there is would
look to the server like a complete, shorter body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes of a request body kept for another attempt.
REPLAY_LIMIT = 64 * 1024


class Body:
    """The body of one call, for any number of attempts.

    Args:
        request: as httpx made it.

    Attributes:
        stream: what an attempt sends.
        wrote: whether an attempt has begun to be written; set by whoever sends it.
    """

    __slots__ = ("_request", "stream", "wrote")

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self.wrote = False
        stream = request.stream
        self.stream = stream if isinstance(stream, httpx.ByteStream) else Replay(stream)  # type: ignore[arg-type]

    @property
    def failure(self) -> BaseException | None:
        """What ended the caller's own stream before its end, if anything did."""
        return self.stream.failure if isinstance(self.stream, Replay) else None

    def obstacle(self) -> str:
        """Why it cannot be sent again, or empty."""
        if isinstance(self.stream, Replay):
            return self.stream.obstacle
        if self.wrote and (size := int(self._request.headers.get("content-length", 0))) > REPLAY_LIMIT:
            return f"the request body of {size} bytes is over the {REPLAY_LIMIT // 1024} KiB kept for another attempt"
        return ""


class Replay(httpx.SyncByteStream):
    """A stream that is remembered while it is sent.

    Args:
        source: the request's own stream.
        limit: bytes remembered.

    Attributes:
        failure: what ended the source before its end, if anything did.
    """

    def __init__(self, source: httpx.SyncByteStream, limit: int = REPLAY_LIMIT) -> None:
        self._source = source
        self._limit = limit
        self._rest: Iterator[bytes] | None = None
        self._kept: list[bytes] | None = []
        self._size = 0
        self._exhausted = False
        self.failure: BaseException | None = None

    @property
    def obstacle(self) -> str:
        """Why it cannot be sent again, or empty."""
        if self.failure is not None:
            return "the request body's own stream failed or was interrupted before its end"
        if self._rest is None or self._kept is not None:
            return ""
        return f"the request body is over {self._limit // 1024} KiB, too large to be kept for another attempt"

    def __iter__(self) -> Iterator[bytes]:
        if self._rest is None:
            self._rest = self._source.__iter__()
        kept = iter(tuple(self._kept or ()))
        while (chunk := next(kept, None)) is not None:
            yield chunk
        if self._exhausted:
            return
        while True:
            try:
                fresh = next(self._rest, None)
            except BaseException as error:
                self.failure = error
                raise
            if fresh is None:
                self._exhausted = True
                return
            self._keep(fresh)
            yield fresh

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(chunk)
