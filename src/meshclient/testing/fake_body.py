"""The body of a fake instance's answer: in pieces, slow, or cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.http.waiting import async_pause, pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator


class FakeBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """For clients of both colours.

    Args:
        pieces: what arrives.
        request: that it answers.
        pause: seconds before each piece.
        cut: whether the connection breaks after the last.
        clock: as for `meshclient.http.waiting.pause`.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        request: httpx.Request,
        *,
        pause: float,
        cut: bool,
        clock: Callable[[], float] | None,
    ) -> None:
        self._pieces = pieces
        self._request = request
        self._pause = pause
        self._cut = cut
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            seconds, late = self._before_a_piece()
            pause(seconds, self._clock)
            self._check(late=late)
            yield piece
        self._end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            seconds, late = self._before_a_piece()
            await async_pause(seconds, self._clock)
            self._check(late=late)
            yield piece
        self._end()

    def _before_a_piece(self) -> tuple[float, bool]:
        limit = self._request.extensions.get("timeout", {}).get("read")
        late = limit is not None and self._pause > limit
        return (limit if late else self._pause), late

    def _check(self, *, late: bool) -> None:
        if late:
            raise httpx.ReadTimeout(f"no more of the body for {self._pause:.3g}s", request=self._request)

    def _end(self) -> None:
        if self._cut:
            msg = "peer closed connection without sending complete message body (the cut of a FakeEndpoint)"
            raise httpx.RemoteProtocolError(msg, request=self._request)
